"""The server: one package for each slice of the domain (see README)."""
