"""The terminals' door: listeners, connections, and the way of one message from bytes to bytes."""
