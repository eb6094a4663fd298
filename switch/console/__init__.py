"""The operators' console: pages made on the server, readable without a script, in English and Chinese."""
