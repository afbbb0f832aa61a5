"""The embedded default: what `streife up` needs on one Linux machine, with nothing installed beside it."""
