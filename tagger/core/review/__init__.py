"""What people should know of their rules before they are in force."""
