"""What is known about chats, keywords and offsets, as functions of values. No clock, no network, no files."""
