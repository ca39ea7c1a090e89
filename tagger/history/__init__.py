"""Chats of the past, whatever source they come from, and the ledger of what was decided on them."""
