"""`tagger run`, composed: jobs worked off, settled, and watched."""
