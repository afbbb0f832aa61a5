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


class InvalidEnvelope(SyncError):
    """A signed record is unreadable, not in its one form, or not signed by the key it should be."""


class JournalInUse(SyncError):
    """Another process has this journal open; one journal has one writer."""

    can_retry = True


class JournalFull(SyncError):
    """The disk has no room, or less than the reserve; nothing was written and nobody may be told "recorded"."""

    can_retry = True


class JournalFailed(SyncError):
    """The disk failed while writing; nothing may be called recorded until the journal was opened again."""


class JournalDamaged(SyncError):
    """The journal's own chain does not verify; `seq` is the first entry that does not fit, 0 for the file itself."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(f"entry {seq}: {reason}")
        self.seq = seq
        self.reason = reason


class IdReused(SyncError):
    """This id is stored with other content; both digests are hex SHA-256 over headers written with the stored salt."""

    def __init__(self, entry_id: str, stored: str, offered: str) -> None:
        super().__init__(f"{entry_id} is stored with digest {stored}, offered with {offered}")
        self.entry_id = entry_id
        self.stored = stored
        self.offered = offered


class JournalFrozen(SyncError):
    """Nothing is sent any more until a new incarnation begins; recording goes on.

    `reason`: `fork` (`seq` tells where), `bad_seal`, or `gone` (the server asks for entries whose bodies are erased).
    """

    def __init__(self, reason: str, seq: int = 0) -> None:
        super().__init__(f"frozen: {reason} at entry {seq}")
        self.reason = reason
        self.seq = seq


class SourceRevoked(SyncError):
    """The town revoked this source: pulled rows are erased, unsent entries are kept, nothing is recorded or sent."""

    def __init__(self, since: str, reason: str) -> None:
        super().__init__(f"revoked since {since}: {reason}")
        self.since = since
        self.reason = reason


class NetworkFailure(SyncError):
    """No answer of the server arrived: no network, a cut, a captive portal, or an answer that says "later".

    `wait_s` is what the server asked for (`Retry-After`), else None. `was_counted` says that the request had been sent
    whole, so that its first entry may be what breaks the server.
    """

    can_retry = True

    def __init__(self, what: str, *, wait_s: float | None = None, was_counted: bool = False) -> None:
        super().__init__(what)
        self.wait_s = wait_s
        self.was_counted = was_counted


class Refused(SyncError):
    """The server refused in a way that repeating cannot mend (400, 403, an entry alone too large): keep all, alarm."""

    def __init__(self, status: int, detail: str, body: bytes = b"") -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.body = body


class Unauthorized(SyncError):
    """The token is not taken (401): a new lease, then the same request."""

    can_retry = True


class TooLarge(SyncError):
    """The request is too large (413): fewer entries."""

    can_retry = True

    def __init__(self, *, max_entries: int | None = None) -> None:
        super().__init__("too large")
        self.max_entries = max_entries


class Unsupported(SyncError):
    """The server or a proxy does not take compressed requests (415)."""

    can_retry = True
