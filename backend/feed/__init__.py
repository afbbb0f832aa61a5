"""The change feed: what changed, for whom, in an order that misses nothing (design/sync.md 5)."""
