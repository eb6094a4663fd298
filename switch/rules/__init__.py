"""The refusal ladder: small pure rules, each with its because, climbed in a documented order."""
