"""Towns, people and their roles, sources and their keys: who may do what."""
