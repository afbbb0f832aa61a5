"""Evidence: clips, holds, custody, and the package that a prosecutor verifies without us (design/evidence.md)."""
