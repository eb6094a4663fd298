"""What a run of messages against a host came to: its results as JSON, as a page, and held against another run."""
