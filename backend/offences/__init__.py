"""Offences and the catalogue that they are checked against (Ordnungswidrigkeiten, Tatbestandskatalog)."""
