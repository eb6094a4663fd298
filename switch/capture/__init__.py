"""What terminals and hosts said to each other, kept in files: reading, writing, tokenising."""
