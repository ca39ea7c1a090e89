"""Which phrases tell the chats of a tag from the rest, and which topics the chats without a tag have."""
