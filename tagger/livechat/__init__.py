"""The LiveChat API as its client sees it."""
