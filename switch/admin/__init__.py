"""The HTTP side: what monitoring and operators ask, on its own address."""
