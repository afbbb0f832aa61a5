"""The one place where entries of sources are admitted (design/sync.md 3 and 4)."""
