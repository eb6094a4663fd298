"""The operators' API: the same looks and the same changes as the console's, as JSON over HTTP."""
