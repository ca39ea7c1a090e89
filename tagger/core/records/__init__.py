"""The records that we write, and what we read from them."""
