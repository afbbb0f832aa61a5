"""The server: one package for each slice of the domain (see README)."""

__version__ = "0.1.0"
