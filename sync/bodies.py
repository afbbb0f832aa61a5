"""What stands in the body of an entry: the members that every kind has, and the kinds that docks and gateways write.

A phone's kinds are the server's slices' own (`offences/wire.py` …), as no Python source writes them.
Unknown members are kept unread (design/sync.md 2.2).
"""

from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

#: Absolute end of a text, in Python and in ECMA-262 alike: `$` would let a trailing newline through.
END: Final = r"(?![\s\S])"
_MAX: Final = 2**53 - 1

SubjectId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}" + END, max_length=64)]
SubjectType = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,30}" + END, max_length=31)]
Instant = Annotated[
    str,
    Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z" + END, max_length=24),
]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}" + END, max_length=64)]
Label = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+" + END)]
Count = Annotated[int, Meta(ge=0, le=_MAX)]


class Subject(Struct, frozen=True, kw_only=True):
    """What an entry is about: the unit of order."""

    type: SubjectType
    id: SubjectId


class Clock(Struct, frozen=True, kw_only=True):
    """The source's last known difference to the server's clock."""

    offset_ms: Annotated[int, Meta(ge=-_MAX, le=_MAX)]
    age_s: Count
    mono_ms: Count


class EntryBody(Struct, frozen=True, kw_only=True):
    """The members that are reserved in the body of every kind (design/sync.md 2.2). Unknown members are kept unread."""

    by: UUID | UnsetType = UNSET
    subject: Subject | UnsetType = UNSET
    base: Count | UnsetType = UNSET
    clock: Clock | UnsetType = UNSET


class SignalReceived(EntryBody, frozen=True, kw_only=True):
    """`signal.received`: what a panel, desk, door, detector or recorder told a gateway (design/control-room.md 4)."""

    #: The receiver that read it; the raw bytes are its own form.
    protocol: Literal["dc09", "http", "mqtt", "onvif"]
    #: What arrived, whole, base64 (RFC 4648, 4): nothing is dropped because nobody could read it.
    raw: Annotated[str, Meta(max_length=32_768)]
    #: The gateway's clock when the last byte was there; windows of correlation count from it.
    received_at: Instant
    #: Who sent it, as text: a DC-09 account (`#` left out), an HTTP sender's id. None where it could not be read.
    sender: Label | None = None
    #: The point as the sender names it: a zone with its partition, an HTTP path. Text, never a number.
    point: Label | None = None
    #: What it means, by the tables of control-room.md 4.2 (`panic`, `panic.silent` …). None: nobody knows.
    kind: Annotated[str, Meta(pattern=r"^[a-z]+(?:[._][a-z]+)*" + END, max_length=60)] | None = None
    #: The sender's own code, e.g. `HA`, `1120`; shown where `kind` is None.
    code: Label | None = None
    #: Level of a panic alarm, 1 to 3 (DIN VDE V 0827), where the sender says it.
    level: Annotated[int, Meta(ge=1, le=3)] | None = None
    #: When it happened by the sender's clock; None where it does not say.
    occurred_at: Instant | None = None
    is_test: bool = False
    text: Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*" + END)] | None = None
    #: K1: signals with the same key are one signal, counted. Made by the receiver, unique within its gateway.
    dedup: Annotated[str, Meta(pattern=r"^[0-9a-f]{32,64}" + END, max_length=64)]
    #: What was odd about it: `unparsed`, `unknown_sender`, `unknown_code`, `unknown_token`, `wrong_clock`,
    #: `outside_window` (may raise, must never calm), `not_encrypted`, `undecryptable`, `bad_checksum`, `key_reused` (an
    #: HTTP sender's key came with other content), `still_present` (told before: attaches, never raises again).
    flags: Annotated[tuple[Annotated[str, Meta(pattern=r"^[a-z_]{1,40}" + END)], ...], Meta(max_length=16)] = ()
    #: Members of the protocol that are kept for a person, e.g. DC-09 extended data by its letter.
    facts: Annotated[dict[str, str], Meta(max_length=32)] = {}


class LinkChanged(EntryBody, frozen=True, kw_only=True):
    """`link.changed`: how a sender's line stands, by its supervision interval (design/control-room.md 3.2)."""

    sender: Label
    state: Literal["unknown", "online", "late", "lost"]
    at: Instant
    #: Last valid frame before `at`; None: there never was one.
    last_seen: Instant | None = None


class LineCount(Struct, frozen=True, kw_only=True):
    """What one sender sent within the hour; polls carry no event and are journaled only here."""

    sender: Label
    state: Literal["unknown", "online", "late", "lost"]
    polls: Count = 0
    signals: Count = 0
    #: Copies of signals that were answered again and not recorded again (K1).
    repeats: Count = 0


class LinkSummary(EntryBody, frozen=True, kw_only=True):
    """`link.summary`: what a gateway heard in the hour before `at`; one entry for each 250 lines."""

    since: Instant
    at: Instant
    lines: Annotated[tuple[LineCount, ...], Meta(max_length=250)] = ()
    #: HTTP requests whose token nobody has; they leave nothing else.
    strangers: Count = 0


class FallbackFired(EntryBody, frozen=True, kw_only=True):
    """`fallback.fired`: the site's own alarm was called, as the server did not take P1 signals in time."""

    #: Ids of the entries `signal.received` that one call stands for; none where it could not be recorded.
    signals: Annotated[tuple[UUID, ...], Meta(max_length=500)] = ()
    #: No verdict within ten seconds, one that shows it to nobody at once, or no room on the disk.
    reason: Literal["no_verdict", "refused", "not_recorded"]
    at: Instant
    #: The relay box or telephone system answered with 2xx.
    is_heard: bool
    #: 0: no address is configured.
    tries: Count
    #: The last answer's HTTP status; None where none came.
    status: Annotated[int, Meta(ge=100, le=999)] | None = None


class CameraClock(Struct, frozen=True, kw_only=True):
    """Camera's clock against the dock's, read together three times at docking (design/evidence.md 5)."""

    #: Camera minus dock, median of the readings.
    difference_ms: Annotated[int, Meta(ge=-_MAX, le=_MAX)]
    spread_ms: Count
    #: `good`; `off` above 120 s; `unusable`: unset, in the future, or before its predecessor's end.
    state: Literal["good", "off", "unusable"]


class CardFile(Struct, frozen=True, kw_only=True):
    """A file as the camera's card lists it."""

    name: Label
    size: Count
    modified_at: Instant


class CameraDocked(EntryBody, frozen=True, kw_only=True):
    """`camera.docked`: the card as it was found, before anything was copied."""

    #: Pseudonym (`cam-7k2q9`); serial and maker stay in `serial`, `model`, which are the erasable part.
    camera: SubjectId
    serial: Label
    model: Label
    profile: Label
    files: Annotated[tuple[CardFile, ...], Meta(max_length=2000)]
    docked_at: Instant
    camera_clock: CameraClock | None = None


class ClipRecorded(EntryBody, frozen=True, kw_only=True):
    """`clip.recorded`: one file of a camera, copied, hashed, on the dock's disk; it is the entry's `media[0]`."""

    camera: SubjectId
    #: The camera's own counter, unwrapped by the dock: rises by one from clip to clip.
    camera_seq: Count
    file_name: Label
    size: Count
    sha256: Digest
    #: SHA-256 of each 4 MiB piece (4,194,304 bytes, the last may be shorter), joined, base64url. Empty file: empty.
    chunks: Annotated[str, Meta(max_length=60_000, pattern=r"^[A-Za-z0-9_-]*" + END)]
    #: First frame: the camera's clock less the difference at docking; the earliest possible instant if unusable.
    started_at: Instant
    docked_at: Instant
    duration_ms: Count | None = None
    camera_clock: CameraClock | None = None
    #: Clips of one recording that the camera split share it.
    event: SubjectId | None = None
    is_marked: bool = False
    #: Facts of the probe (codec, width, height, fps, streams, `problem`): facts, never a reason to refuse.
    probe: Annotated[dict[str, str | int | float | bool | None], Meta(max_length=40)] = {}


class ClipGap(EntryBody, frozen=True, kw_only=True):
    """`clip.gap`: numbers that the camera counted and the dock never saw; both ends inclusive."""

    camera: SubjectId
    first: Count
    last: Count
    last_seen: Instant | None = None
    cause: Literal["unknown", "overwritten", "formatted", "card_changed", "deleted_on_camera"]


class ClipGapFilled(EntryBody, frozen=True, kw_only=True):
    """`clip.gap_filled`: a number of a gap that turned up later, here or at another dock."""

    camera: SubjectId
    camera_seq: Count


class ClipErased(EntryBody, frozen=True, kw_only=True):
    """`clip.erased`: the camera's copy is gone, against this receipt. `subject` is the clip."""

    #: Id of the entry `clip.recorded`.
    clip: UUID
    #: SHA-256 of the receipt's payload.
    receipt: Digest
    seen: Literal["erased", "after_restart"]
