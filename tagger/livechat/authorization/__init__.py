"""Who we are to LiveChat: tokens, their refresh, and the file that holds them."""
