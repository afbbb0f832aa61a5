"""What is sent about clips, cameras and who may wear one."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from backend.evidence.export_wire import Export
from backend.fields import Aware, Line, PersonId, SourceId, Text
from backend.work.wire import Task
from sync.bodies import EntryBody

Facts = Annotated[Text, Meta(min_length=1, description="In words; erased with the clip.")]
Rev = Annotated[int, Meta(ge=0, le=2**53 - 1, description="Revision of the answers that the person saw; 0: none yet.")]


class ClipClass(StrEnum):
    """What sets a clip's deadline and who may see it (law-and-rules 1 and 8)."""

    #: R4: taken in, neither viewed nor exported.
    UNCLASSIFIED = "unclassified"
    #: § 15c(1) PolG.
    BODYCAM = "bodycam"
    #: § 15c(2): another person reviews it for the core of private life first (R5).
    DWELLING = "dwelling"
    #: § 15c(3): quarantined (R6).
    PROFESSIONAL_SECRECY = "professional_secrecy"
    #: § 15b, without the answers (R4, R12).
    VEHICLE_UNCLASSIFIED = "vehicle_unclassified"
    #: § 15b (R12).
    VEHICLE = "vehicle"


class ClipState(StrEnum):
    """Where a clip is between its entry and its tombstone (drawn in `rules`)."""

    AWAITING_MEDIA = "awaiting_media"
    STORED = "stored"
    DELETING = "deleting"
    DELETED = "deleted"


class ClipFinding(StrEnum):
    """What a custodian has to know about a clip."""

    CLOCK_OFF = "clock_off"
    CLOCK_UNUSABLE = "clock_unusable"
    NO_OFFICER = "no_officer"
    UNKNOWN_CAMERA = "unknown_camera"
    #: R14: longer than the town's limit.
    LONG = "long"
    #: R7: the file shows pictures from before the recording was started.
    PRE_RECORDED = "pre_recorded"
    #: Another dock brought the same number of the same camera with the same bytes.
    DUPLICATE = "duplicate"
    #: … with other bytes.
    CONTRADICTS = "contradicts"


CameraKind = Literal["bodycam", "vehicle"]
HoldGround = Literal["danger_prevention", "criminal_offence", "regulatory_offence", "person_request"]


class Keep(Struct, frozen=True, kw_only=True):
    """The fifth answer: the clip is needed as evidence, so it is held."""

    ground: Annotated[
        Literal["danger_prevention", "criminal_offence", "regulatory_offence"], Meta(description="Löschsperre: why.")
    ]
    case_reference: Annotated[Line, Meta(description="Aktenzeichen, or the job's number until there is one.")]


class Answers(Struct, frozen=True, kw_only=True):
    """The five answers on a clip (R4, R5)."""

    ground: Annotated[
        Literal["protect_officer", "protect_third_person"],
        Meta(description="Against whose danger to body or life it was needed (§ 15c(1) PolG)."),
    ]
    facts: Annotated[Facts, Meta(description="Facts that justified the assumption of a concrete danger.")]
    place_kind: Annotated[
        Literal["public", "premises", "dwelling", "professional_secrecy"],
        Meta(
            description="Public space, other premises, dwelling (§ 15c(2)), place of professional secrecy (§ 15c(3))."
        ),
    ]
    announced: Annotated[
        Literal["announced", "imminent_danger"], Meta(description="Whether it was told to the persons (§ 15c(3)).")
    ]
    announcement_note: Annotated[
        Facts | None, Meta(description="Why telling was omitted; needed for `imminent_danger`.")
    ] = None
    decided_by: Annotated[
        Literal["wearer", "officer_in_charge", "imminent_danger"],
        Meta(description="Who decided; in a dwelling the officer in charge, but in imminent danger."),
    ]
    decider: Annotated[
        Facts | None, Meta(description="Name of the officer in charge, or why the danger was imminent.")
    ] = None
    is_urgent_danger: Annotated[bool, Meta(description="Urgent danger to body or life; needed in a dwelling.")] = False
    keep: Annotated[Keep | None, Meta(description="Needed as evidence; null: it expires.")] = None


class NewAnswers(Answers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The five answers, typed at a screen. Unknown fields are refused."""

    base: Rev


class ClipClassified(EntryBody, frozen=True, kw_only=True):
    """Body of `clip.classified`, version 1: the answers, given on the officer's phone. `base` counts answers."""

    by: PersonId
    clip: UUID
    answers: Answers


class NewCorrection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement beside a clip's start, which itself is never edited (R11). Unknown fields are refused."""

    started_at: Annotated[Aware, Meta(description="When it really began.")]
    evidence: Annotated[Facts, Meta(description="What proves the clock's drift.")]


class NewHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Löschsperre: keeps a clip beyond its deadline (R3). Unknown fields are refused."""

    ground: Annotated[HoldGround, Meta(description="Why; `person_request` is the data-protection officer's.")]
    case_reference: Annotated[Line, Meta(description="Aktenzeichen or the request's number.")]
    review_on: Annotated[date, Meta(description="When it is looked at again, at most 90 days ahead.")]
    note: Annotated[Facts | None, Meta(description="Erased with the clip.")] = None


class ReviewHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hold was looked at and goes on. Unknown fields are refused."""

    review_on: Annotated[date, Meta(description="The next review, at most 90 days ahead.")]
    reason: Line


class ReleaseHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hold ends. Unknown fields are refused."""

    reason: Line


class Hold(Struct, frozen=True, kw_only=True):
    """A hold that stands or stood."""

    id: UUID
    clip: UUID
    ground: HoldGround
    case_reference: str
    review_on: date
    note: str | None
    placed_by: PersonId
    placed_at: Aware
    released_by: PersonId | None
    released_at: Aware | None
    release_reason: str | None


class NewView(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why somebody looks at a clip. Unknown fields are refused."""

    reason: Annotated[Line, Meta(description="Why; stands in the clip's custody log.")]
    case_reference: Annotated[Line | None, Meta(description="Aktenzeichen, where there is one.")] = None
    is_review: Annotated[bool, Meta(description="The review of a dwelling's clip for the core of private life.")] = (
        False
    )


class View(Struct, frozen=True, kw_only=True):
    """One person may read one clip until `until`."""

    id: UUID
    clip: UUID
    until: Aware
    needs_approval: Annotated[bool, Meta(description="A second person has to agree first.")]


class WaitingView(Struct, frozen=True, kw_only=True, gc=False):
    """A view that waits for a second person; its reason stands in the clip's custody log."""

    id: UUID
    clip: UUID
    person: Annotated[PersonId, Meta(description="Who wants to look; another person agrees.")]
    opened_at: Aware
    answer_until: Annotated[Aware, Meta(description="Exclusive; afterwards nobody can agree any more.")]


class ClipLine(Struct, frozen=True, kw_only=True, gc=False):
    """A clip as a list shows it; also what the feed carries. No picture, no text of a person."""

    id: UUID
    rev: Annotated[int, Meta(ge=1, description="Revision; the highest one counts.")]
    camera: Annotated[str, Meta(description="The camera's pseudonym.")]
    camera_seq: int
    officer: Annotated[PersonId | None, Meta(description="Who wore it by the assignment at the clip's start.")]
    started_at: Aware
    duration_ms: int | None
    size_bytes: int
    state: ClipState
    clip_class: ClipClass
    rule: Annotated[str, Meta(description="The rule that sets the deadline, e.g. `R1`.")]
    delete_at: Aware
    is_held: bool
    is_marked: Annotated[bool, Meta(description="The wearer marked it on the camera.")]
    answers_rev: Annotated[int, Meta(ge=0, description="How often the five questions were answered.")]
    findings: list[ClipFinding]
    event: Annotated[str | None, Meta(description="Clips of one recording share it.")]


class Clip(Struct, frozen=True, kw_only=True):
    """One clip with all that is kept of it."""

    line: ClipLine
    source: SourceId
    docked_at: Aware
    received_at: Aware
    clock: str
    file_name: str | None
    probe: Annotated[dict[str, str], Meta(description="What the file says of itself, each value as text.")]
    answers: Answers | None
    answered_by: PersonId | None
    duplicate_of: UUID | None
    camera_erased_at: Annotated[Aware | None, Meta(description="When the camera's copy went, against our receipt.")]
    reviewed_at: Aware | None
    deleted_at: Aware | None
    holds: list[Hold]


class ClipPage(Struct, frozen=True, kw_only=True):
    """Clips, newest received first, and where to go on."""

    clips: list[ClipLine]
    after: Annotated[str | None, Meta(description="Send it as `after` for the next page; null: this was the last.")]


class IncidentClips(Struct, frozen=True, kw_only=True):
    """That clips of an incident exist, for the control room: counts and nothing else (invariant 13)."""

    clips: Annotated[int, Meta(ge=0, description="Clips of officers who were there, begun or running then.")]
    arrived: Annotated[int, Meta(ge=0, description="Of these, stored on the server.")]
    held: Annotated[int, Meta(ge=0, description="Of these, on hold: not deleted at their deadline.")]


class Gap(Struct, frozen=True, kw_only=True):
    """Numbers that a camera counted and no dock ever saw; both ends inclusive."""

    id: UUID
    camera: str
    first: int
    last: int
    cause: str
    last_seen: Aware | None
    received_at: Aware
    filled: Annotated[list[int], Meta(description="Numbers that turned up later.")]


class EvidenceBoard(Struct, frozen=True, kw_only=True):
    """What a custodian's or officer's screen of clips begins with."""

    cursor: Annotated[str, Meta(description="Where the feed goes on.")]
    clips: list[ClipLine]
    gaps: list[Gap]
    exports: Annotated[list[Export], Meta(description="The newest asked for; none for officers.")]
    views: Annotated[list[WaitingView], Meta(description="Waiting for a second person; officers see their own.")]
    tasks: list[Task]


class Camera(Struct, frozen=True, kw_only=True):
    """A camera that was docked here."""

    id: UUID
    pseudonym: str
    serial: str | None
    model: str | None
    kind: CameraKind | None
    state: Literal["unconfirmed", "active", "retired"]
    first_seen_at: Aware
    last_docked_at: Aware | None


class ConfirmCamera(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person says what a camera is. Unknown fields are refused."""

    kind: CameraKind
    state: Literal["active", "retired"] = "active"


class NewCertificate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Schulungsnachweis: whoever wears a camera was trained (R9). Unknown fields are refused."""

    person: PersonId
    issued_on: date
    valid_until: Annotated[date, Meta(description="The last day on which it counts.")]
    issuer: Annotated[Line, Meta(description="Who trained.")]


class Certificate(Struct, frozen=True, kw_only=True):
    """A training certificate."""

    id: UUID
    person: PersonId
    issued_on: date
    valid_until: date
    issuer: str
    withdrawn_at: Aware | None


class NewAssignment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera goes to an officer, for a span within the certificate's days (R9). Unknown fields are refused."""

    person: PersonId
    since: Annotated[Aware | UnsetType, Meta(description="From when; left out: now.")] = UNSET
    until: Annotated[Aware, Meta(description="At the latest when the certificate ends.")]


class Assignment(Struct, frozen=True, kw_only=True):
    """Who has a camera from when to when; `until` is exclusive."""

    id: UUID
    camera: str
    person: PersonId
    certificate: UUID
    since: Aware
    until: Aware


class DeletionRecord(Struct, frozen=True, kw_only=True):
    """What remains of a clip that was deleted, without its content."""

    clip: UUID
    camera: str
    camera_seq: int
    clip_class: ClipClass
    rule: str
    deadline: Aware
    deleted_at: Aware
    record: Annotated[UUID, Meta(description="The tombstone in the log.")]


class DeletionRecords(Struct, frozen=True, kw_only=True):
    """Deletion records, newest first, and where to go on."""

    records: list[DeletionRecord]
    after: Annotated[str | None, Meta(description="Send it as `after` for the next page; null: this was the last.")]


class CustodyEntry(Struct, frozen=True, kw_only=True):
    """One record about a clip."""

    id: UUID
    kind: str
    at: Aware
    hash: Annotated[str, Meta(description="SHA-256 of the record's public part: its leaf in the log.")]
    person: Annotated[PersonId | None, Meta(description="Who; null: nobody, or the name was erased.")]
    reason: Annotated[str | None, Meta(description="Why, where one was asked for.")]
