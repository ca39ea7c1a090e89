"""Chats: what each ended chat got, and why, as the ledger has it; live at the top."""
