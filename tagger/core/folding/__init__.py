"""What a keyword and a message have in common: characters and text, folded."""
