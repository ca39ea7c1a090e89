"""Keywords of other products → rules of ours, and what could not be taken over."""
