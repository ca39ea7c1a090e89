"""What was missed or given up on, found and done again."""
