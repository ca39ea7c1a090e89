"""One chat: what was decided then and today, what people corrected; its words only for whoever asks for them."""
