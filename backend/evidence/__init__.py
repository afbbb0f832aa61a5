"""Evidence: clips from the dock to their lawful deletion, custody, and packages that verify without us (design/evidence.md)."""
