"""Keys, and what is sealed under them. No SQL here."""
