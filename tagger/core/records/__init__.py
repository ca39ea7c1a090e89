"""The records that we write, and what is read from them."""
