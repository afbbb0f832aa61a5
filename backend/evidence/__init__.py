"""Clips from the dock to their lawful deletion (design/evidence.md 3, 5, 8, 9)."""
