"""Evidence: clips from dock to lawful deletion, custody, packages that verify without us (design/evidence.md)."""
