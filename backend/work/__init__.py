"""What waits for a person (Aufgaben): findings, rejected entries, forks."""
