"""Benchmarks: ours beside the peer in the same run, as a ratio. `python -m tests.benchmarks --list`."""
