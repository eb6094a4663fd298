"""The words between the wire and the decisions: what a message asks, and what is answered."""
