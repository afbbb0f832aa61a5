"""What is sent about buildings, senders' lines, signals and alarms."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from backend.dispatch.wire import (
    Disposition,
    Emergency,
    Incident,
    Job,
    NewId,
    Note,
    Priority,
    Report,
    StatusCode,
    Unit,
)
from backend.fields import END, Aware, Line, Name, PersonId, Sha256Hex, SourceId
from backend.work.wire import Task

ZoneKind = Literal["entrance", "waiting", "counter", "office", "corridor", "escape", "break_room", "toilet"]
PointKind = Literal["desk", "door", "escape_door", "camera", "detector", "button", "contact"]
AlarmState = Literal[
    "raised", "returned_unaccepted", "accepted", "returned", "shelved", "out_of_service", "closed"
]  # fmt: skip
LinkState = Literal["unknown", "online", "late", "lost"]
Protocol = Literal["dc09", "http", "mqtt", "onvif"]
SignalState = Literal["normalised", "unparsed"]
SenderPoint = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+" + END, description="As the sender writes it.")
]


# --- what stands ---


class Site(Struct, frozen=True, kw_only=True):
    """A place with buildings of the town (Standort)."""

    id: UUID
    rev: int
    name: Name
    address: Line


class Building(Struct, frozen=True, kw_only=True):
    """A building of a site."""

    id: UUID
    rev: int
    site: UUID
    name: Name


class Zone(Struct, frozen=True, kw_only=True):
    """A part of a building; its kind decides where cameras may be (rule R16)."""

    id: UUID
    rev: int
    building: UUID
    name: Name
    kind: ZoneKind


class Point(Struct, frozen=True, kw_only=True):
    """A desk, door, camera, detector, button or contact in a zone."""

    id: UUID
    rev: int
    zone: UUID
    label: Name
    kind: PointKind


class SenderLine(Struct, frozen=True, kw_only=True):
    """A sender's account at a gateway, and how its link stands. Keys and tokens are never shown."""

    id: UUID
    rev: int
    gateway: SourceId
    protocol: Protocol
    sender: SenderPoint
    label: Name
    building: UUID
    interval_s: int
    nak_address: str | None
    has_keys: bool
    has_token: bool
    link: Annotated[LinkState, Meta(description="`unknown` is never shown as good.")]
    link_at: Aware | None
    last_seen: Aware | None


class LinePoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sender calls a point. Unknown fields are refused."""

    name: SenderPoint
    point: UUID


class Sites(Struct, frozen=True, kw_only=True):
    """Everything that stands in a town's buildings, by name."""

    sites: list[Site]
    buildings: list[Building]
    zones: list[Zone]
    points: list[Point]
    lines: list[SenderLine]


class Alarm(Struct, frozen=True, kw_only=True):
    """Something that a point told and that a person has to look at."""

    id: Annotated[UUID, Meta(description="Id of the entry that raised it.")]
    rev: int
    kind: Annotated[str, Meta(description="E.g. `panic.silent`, `door.forced`, `unparsed`, `link.lost`.")]
    priority: Priority
    state: AlarmState
    is_latched: Annotated[bool, Meta(description="A hold-up alarm: no restore ends it, only a person.")]
    spot: Annotated[str, Meta(description="What alarms of one point have in common.")]
    place: Annotated[str, Meta(description="Building, zone and point, for people.")]
    building: UUID | None
    zone: UUID | None
    point: UUID | None
    line: UUID | None
    sender: str | None
    code: str | None
    level: int | None
    text: str | None
    flags: Annotated[str, Meta(description="What is odd, separated by blanks, e.g. `wrong_clock late test`.")]
    count: Annotated[int, Meta(ge=1, description="How often it was told; each occurrence keeps its row.")]
    sounds: Annotated[int, Meta(ge=1, description="Rises where it has to sound once more.")]
    received_at: Annotated[Aware, Meta(description="First signal, by the gateway's clock.")]
    last_at: Annotated[Aware, Meta(description="Newest signal, by the gateway's clock.")]
    raised_at: Annotated[Aware, Meta(description="By the server's clock.")]
    late_s: Annotated[int | None, Meta(description="Came so many seconds late: `nachgereicht`.")]
    incident: UUID | None
    shown_at: Aware | None
    accepted_at: Aware | None
    accepted_by: PersonId | None
    shelved_until: Aware | None
    reason: Annotated[str | None, Meta(description="Why it was shelved.")]
    due_at: Annotated[Aware | None, Meta(description="Escalates then, or is raised again where it is shelved.")]
    told: Annotated[str | None, Meta(description="Who was told because nobody accepted, separated by blanks.")]
    told_at: Aware | None
    closed_at: Aware | None
    closed_by: PersonId | None
    disposition: Disposition | None


class Signal(Struct, frozen=True, kw_only=True):
    """What a gateway received, as it stands under its alarm."""

    id: UUID
    source: SourceId
    state: SignalState
    outcome: Annotated[str, Meta(description="What the rules made of it, e.g. `raised`, `again`, `returned`.")]
    protocol: Protocol
    sender: str | None
    point_name: str | None
    kind: str | None
    code: str | None
    level: int | None
    text: str | None
    flags: str
    is_test: bool
    occurred_at: Aware | None
    received_at: Aware
    admitted_at: Aware
    repeats: Annotated[int, Meta(ge=0, description="How often the same frame came again (K1).")]
    raw: Annotated[str, Meta(description="What arrived, base64.")]


class WholeAlarm(Struct, frozen=True, kw_only=True):
    """An alarm with its signals, the newest first, at most 200."""

    alarm: Alarm
    signals: list[Signal]


class OpenAlarms(Struct, frozen=True, kw_only=True):
    """Open alarms, whole: beside the feed, so that no open transaction can hold back a P1."""

    alarms: list[Alarm]
    emergencies: list[Emergency]
    waiting: Annotated[int, Meta(ge=0, description="How many of them nobody has accepted: the hint's `p1`.")]


class SignalStateRow(Struct, frozen=True, kw_only=True):
    """Back to the gateway, silently: how far a signal has come (design/control-room.md 3.5)."""

    dedup: str
    state: Literal["shown", "accepted"]


class LineRow(Struct, frozen=True, kw_only=True):
    """A sender's line as its gateway gets it."""

    protocol: Protocol
    sender: str
    interval_s: int
    keys: list[str]
    nak_address: str | None
    token_sha256: str | None
    label: str
    points: list[str]


class DeskBoard(Struct, frozen=True, kw_only=True):
    """What the control room's screens begin with, and where in the feed they go on."""

    cursor: Annotated[str, Meta(description="Send it as `after` with the first pull of the feed.")]
    now: Annotated[Aware, Meta(description="The server's clock.")]
    waiting: Annotated[int, Meta(ge=0, description="P1 alarms and emergencies that nobody has accepted.")]
    emergencies: list[Emergency]
    alarms: list[Alarm]
    incidents: list[Incident]
    reports: Annotated[list[Report], Meta(description="Those that belong to no incident yet.")]
    jobs: Annotated[list[Job], Meta(description="Those of the listed incidents.")]
    notes: Annotated[list[Note], Meta(description="Those of the listed incidents.")]
    units: list[Unit]
    lines: list[SenderLine]
    tasks: list[Task]
    codes: list[StatusCode]


# --- what is asked for ---


class NewSite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site. Unknown fields are refused."""

    id: NewId
    name: Name
    address: Line


class NewBuilding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A building of a site. Unknown fields are refused."""

    id: NewId
    site: UUID
    name: Name


class NewZone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A zone of a building. Unknown fields are refused."""

    id: NewId
    building: UUID
    name: Name
    kind: ZoneKind


class ChangedZone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a zone is from now on. Unknown fields are refused."""

    name: Name
    kind: ZoneKind


class NewPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A point in a zone. Unknown fields are refused."""

    id: NewId
    zone: UUID
    label: Name
    kind: PointKind


class ChangedPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and what a point is from now on. Unknown fields are refused."""

    zone: UUID
    label: Name
    kind: PointKind


HexKey = Annotated[
    str, Meta(pattern=r"^(?:[0-9a-f]{32}|[0-9a-f]{48}|[0-9a-f]{64})" + END, max_length=64, description="AES key, hex.")
]
Keys = Annotated[list[HexKey], Meta(max_length=4, description="The newest first. None: its frames are plain.")]
Points = Annotated[list[LinePoint], Meta(max_length=500, description="What the sender calls which point.")]
Interval = Annotated[int, Meta(ge=5, le=86_400, description="Seconds between signs of life.")]
NakAddress = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9#]{1,40}" + END, max_length=40, description="Address part of a NAK, e.g. `L0A0`.")
]


class NewLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sender's account at a gateway. Unknown fields are refused."""

    id: NewId
    gateway: SourceId
    protocol: Literal["dc09", "http"]
    sender: SenderPoint
    label: Name
    building: UUID
    interval_s: Interval = 60
    keys: Keys = []
    nak_address: NakAddress | None = None
    token_sha256: Sha256Hex | None = None
    points: Points = []


class ChangedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a line is from now on, whole. Unknown fields are refused."""

    label: Name
    building: UUID
    interval_s: Interval = 60
    keys: Keys = []
    nak_address: NakAddress | None = None
    token_sha256: Sha256Hex | None = None
    points: Points = []


class CloseAlarm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an alarm ended. Unknown fields are refused."""

    disposition: Disposition


class ShelveAlarm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quiet for a while; never a P1. Unknown fields are refused."""

    reason: Line
    until: Annotated[Aware, Meta(description="At most 8 hours from now.")]
