"""What is sent about reports, incidents, jobs, units and emergencies."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from backend.fields import END, Aware, Line, Name, PersonId, SourceId, Text
from sync.bodies import EntryBody

Priority = Annotated[int, Meta(ge=1, le=5, description="1 is the most urgent (design/control-room.md 3.3).")]
Word = Annotated[
    str, Meta(pattern=r"^[a-z][a-z_.]{0,39}" + END, max_length=40, description="Kind of incident, e.g. `panic`.")
]
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,3}" + END, max_length=3, description="A town's number, e.g. `3`.")]
NewId = Annotated[UUID, Meta(description="UUIDv7 made by the client; the same again returns what exists.")]
Channel = Literal["phone", "officer", "citizen", "patrol"]
IncidentState = Literal["new", "accepted", "dispatched", "on_scene", "resolved", "closed", "merged"]
Disposition = Literal["real", "false_user", "false_technical", "test", "drill", "unfounded"]
JobState = Literal[
    "proposed", "sent", "delivered", "accepted", "en_route", "on_scene", "timed_out", "declined", "withdrawn", "done"
]
Mode = Literal["foot", "bike", "car"]
Status = Literal["available_patrol", "available_station", "en_route", "on_scene", "off", "committed", "limited"]
Meaning = Literal[
    "available_patrol", "available_station", "en_route", "on_scene", "off", "committed", "limited",
    "wants_to_talk", "urgent_talk", "acknowledge",
]  # fmt: skip
EmergencyKind = Literal["duress", "help", "medical", "timer"]
EmergencyState = Literal["stored", "shown", "accepted", "supported", "safe", "closed"]


class Place(Struct, frozen=True, kw_only=True, gc=False):
    """Where it was, by the phone (WGS 84)."""

    lat: Annotated[float, Meta(ge=-90, le=90, description="Degrees north.")]
    lon: Annotated[float, Meta(ge=-180, le=180, description="Degrees east.")]
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000, description="Radius in metres.")] | None = None


# --- entries of phones ---


class ReportMade(EntryBody, frozen=True, kw_only=True):
    """Body of `report.made`, version 1: an officer tells the control room something (Meldung)."""

    by: PersonId
    text: Text
    place: Line


class JobAnswered(EntryBody, frozen=True, kw_only=True):
    """Body of `job.answered`, version 1: how a unit goes on with its job; the entry's `recorded_at` is the step's."""

    by: PersonId
    job: UUID
    answer: Literal["delivered", "accepted", "declined", "en_route", "on_scene", "done"]
    #: Why it was declined; a decline without one is refused.
    reason: Line | None = None


class UnitStatus(EntryBody, frozen=True, kw_only=True):
    """Body of `unit.status`, version 1: a key of the town's codes was pressed."""

    by: PersonId
    unit: UUID
    code: Code


class EmergencyRaised(EntryBody, frozen=True, kw_only=True):
    """Body of `emergency.raised`, version 1. The entry's id is the emergency's; a further press names the first one."""

    by: PersonId
    kind: EmergencyKind
    place: Place | None = None
    #: A second press: the emergency that stands.
    emergency: UUID | None = None
    #: The device took it back; ends nothing (design/control-room.md 7).
    is_cancel: bool = False


# --- what is shown ---


class Report(Struct, frozen=True, kw_only=True):
    """What somebody told the control room. Never edited; several may join one incident."""

    id: UUID
    rev: int
    channel: Channel
    text: str
    place: str
    caller: str | None
    by: PersonId
    source: SourceId | None
    recorded_at: Annotated[Aware, Meta(description="By the clock of the phone; of the server where typed at a desk.")]
    received_at: Aware
    incident: UUID | None


class Incident(Struct, frozen=True, kw_only=True):
    """An event that the control room deals with (Ereignis; with units sent, the Einsatz)."""

    id: UUID
    rev: int
    no: Annotated[int, Meta(ge=1, description="The town's own number, counted up.")]
    kind: str
    priority: Priority
    state: IncidentState
    place: str
    building: UUID | None
    text: str | None
    happened_at: Annotated[Aware, Meta(description="By the clock of whoever told; windows of correlation count it.")]
    opened_at: Annotated[Aware, Meta(description="By the server's clock.")]
    opened_by: Annotated[PersonId | None, Meta(description="Null: opened by a rule.")]
    rule: Annotated[str | None, Meta(description="The rule that opened it, e.g. `K3`.")]
    accepted_at: Aware | None
    accepted_by: PersonId | None
    is_without_unit: Annotated[bool, Meta(description="Its last job ended: `ohne Einheit`.")]
    resolved_at: Aware | None
    closed_at: Aware | None
    closed_by: PersonId | None
    disposition: Disposition | None
    linked: Annotated[UUID | None, Meta(description="An earlier incident that this one continues.")]


class Job(Struct, frozen=True, kw_only=True):
    """An order to exactly one unit (Auftrag)."""

    id: UUID
    rev: int
    incident: UUID
    unit: UUID
    state: JobState
    text: str | None
    sent_by: PersonId
    sent_at: Aware
    due_at: Annotated[Aware | None, Meta(description="Unanswered then, it is `timed_out`.")]
    delivered_at: Annotated[Aware | None, Meta(description="This and the next four by the phone's clock.")]
    accepted_at: Aware | None
    en_route_at: Aware | None
    on_scene_at: Aware | None
    ended_at: Annotated[Aware | None, Meta(description="Done, declined, timed out or withdrawn.")]
    reason: Annotated[str | None, Meta(description="Why it was declined.")]
    answered_at: Annotated[Aware | None, Meta(description="Newest answer, by the server's clock.")]


class OwnJob(Struct, frozen=True, kw_only=True):
    """A job as the phones of its unit show it."""

    incident: UUID
    no: int
    unit: UUID
    state: JobState
    kind: str
    priority: Priority
    place: str
    text: str | None
    sent_at: Aware
    due_at: Aware | None


class Unit(Struct, frozen=True, kw_only=True):
    """A patrol (Streife), as screens show it."""

    id: UUID
    rev: int
    call_sign: Name
    mode: Mode
    status: Status
    code: Annotated[str | None, Meta(description="The number that was pressed.")]
    status_at: Annotated[Aware, Meta(description="By the clock of whoever changed it.")]
    status_received_at: Aware
    is_clock_off: Annotated[bool, Meta(description="The two clocks differ by more than 120 s, or it came late.")]
    wants_to_talk: bool
    urgent_talk: bool
    crew: Annotated[list[PersonId], Meta(description="Who is on shift in it.")]


class Shift(Struct, frozen=True, kw_only=True):
    """A person on duty in a unit."""

    id: UUID
    unit: UUID
    person: PersonId
    started_at: Aware
    ended_at: Aware | None


class Note(Struct, frozen=True, kw_only=True):
    """Something written down about an incident. Append-only: corrected by a further note."""

    id: UUID
    incident: UUID
    text: str
    by: PersonId | None
    rule: Annotated[str | None, Meta(description="The rule that wrote it; null: a person did.")]
    recorded_at: Aware
    received_at: Aware


class Decision(Struct, frozen=True, kw_only=True):
    """What a machine decided, by which rule in which version, and why (design/control-room.md 1, 8)."""

    id: UUID
    subject_type: Literal["incident", "alarm", "job", "emergency", "signal"]
    subject: UUID
    rule: str
    version: int
    outcome: str
    reason: str
    at: Aware


class Emergency(Struct, frozen=True, kw_only=True):
    """An officer's call for help. Only the control room ends it."""

    id: UUID
    rev: int
    kind: EmergencyKind
    state: EmergencyState
    person: PersonId
    source: SourceId | None
    incident: UUID | None
    raised_at: Annotated[Aware, Meta(description="By the phone's clock; the server's where only a notice came.")]
    received_at: Aware
    is_confirmed: Annotated[bool, Meta(description="Its sealed entry came too; until then it is a notice.")]
    presses: int
    cancelled_at: Annotated[Aware | None, Meta(description="The device took it back; it goes on.")]
    lat: float | None
    lon: float | None
    accuracy_m: float | None
    shown_at: Aware | None
    accepted_at: Aware | None
    accepted_by: PersonId | None
    due_at: Aware | None
    told: Annotated[str | None, Meta(description="Who was told because nobody accepted, separated by blanks.")]
    told_at: Aware | None
    closed_at: Aware | None
    closed_by: PersonId | None
    linked: UUID | None


class WholeIncident(Struct, frozen=True, kw_only=True):
    """An incident with its course."""

    incident: Incident
    reports: list[Report]
    jobs: list[Job]
    notes: list[Note]
    decisions: list[Decision]


class StatusCode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A town's number for a meaning. Unknown fields are refused."""

    code: Code
    meaning: Meaning


# --- what is asked for ---


class NewReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a dispatcher was told. Unknown fields are refused."""

    id: NewId
    channel: Channel
    text: Text
    place: Line
    caller: Line | None = None
    incident: UUID | None = None


class NewIncident(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An incident that a dispatcher opens, out of reports or by itself. Unknown fields are refused."""

    id: NewId
    kind: Word
    priority: Priority
    place: Line
    text: Text | None = None
    reports: Annotated[list[UUID], Meta(max_length=50, description="Reports that it is about.")] = []


class CloseIncident(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an incident ended. Unknown fields are refused."""

    disposition: Disposition


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why, in a sentence. Unknown fields are refused."""

    reason: Line


class NewNote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be written down. Unknown fields are refused."""

    id: NewId
    text: Annotated[Text, Meta(min_length=1)]


class NewJob(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order to a unit. Unknown fields are refused."""

    id: NewId
    incident: UUID
    unit: UUID
    text: Text | None = None


class NewUnit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A patrol. Unknown fields are refused."""

    id: NewId
    call_sign: Name
    mode: Mode = "foot"


class NewShift(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person begins duty in a unit; a shift elsewhere ends. Unknown fields are refused."""

    id: NewId
    person: PersonId


class SetStatus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A status set by the control room, e.g. after a radio call. Unknown fields are refused."""

    id: NewId
    code: Code


class StatusCodes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A town's numbers; none: the FMS's. Unknown fields are refused."""

    codes: Annotated[list[StatusCode], Meta(max_length=40)]


class EmergencyNotice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The early notice of an emergency; the entry with the same id confirms it. Unknown fields are refused."""

    id: NewId
    kind: EmergencyKind
    place: Place | None = None


class EmergencyStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the control room did. Unknown fields are refused."""

    step: Literal["shown", "accept", "support", "safe", "close"]
