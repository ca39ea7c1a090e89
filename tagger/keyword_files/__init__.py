"""`config/` on disk: read, and loaded again when it changes."""
