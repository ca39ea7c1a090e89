"""What `tagger doctor` makes of what it saw: findings, each with what to do. Pure."""
