"""Everything that can go wrong in `sync`: one tree, each error with what is needed to act on it."""

from typing import ClassVar


class SyncError(Exception):
    """Something of ours refused; `can_retry` says whether the same call can succeed later without anybody acting."""

    can_retry: ClassVar[bool] = False


class InvalidEntry(SyncError):
    """A field breaks the table of design/sync.md 2.1; nothing was stored or sent.

    `field` is written as in JSON paths: `kind`, `media[3]`, `entries[2].salt`.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

    def inside(self, prefix: str) -> "InvalidEntry":
        """The same refusal seen from outside: `kind` becomes `entries[2].kind`."""
        return InvalidEntry(f"{prefix}.{self.field}", self.reason)


class InvalidKey(SyncError):
    """A key is unreadable, not on P-256, or not in the one DER form that hashes the same everywhere."""
