"""Rows of buildings, senders' lines, signals and alarms."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, definer_function, of_town, triggers


@of_town("SELECT", "INSERT", "UPDATE")
class SiteRow(Base):
    """A place with buildings of the town."""

    __tablename__ = "site"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    name: Mapped[str]
    address: Mapped[str]


@of_town("SELECT", "INSERT", "UPDATE")
class BuildingRow(Base):
    """A building of a site."""

    __tablename__ = "building"
    __table_args__ = (ForeignKeyConstraint(["town", "site"], ["site.town", "site.id"]),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    site: Mapped[UUID]
    name: Mapped[str]


@of_town("SELECT", "INSERT", "UPDATE")
class ZoneRow(Base):
    """A part of a building."""

    __tablename__ = "zone"
    __table_args__ = (
        ForeignKeyConstraint(["town", "building"], ["building.town", "building.id"]),
        CheckConstraint(
            "kind IN ('entrance', 'waiting', 'counter', 'office', 'corridor', 'escape', 'break_room', 'toilet')",
            name="kind",
        ),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    building: Mapped[UUID]
    name: Mapped[str]
    kind: Mapped[str]


@of_town("SELECT", "INSERT", "UPDATE")
class PointRow(Base):
    """A desk, door, camera, detector, button or contact; each in a zone, so that no camera stands in none."""

    __tablename__ = "point"
    __table_args__ = (
        ForeignKeyConstraint(["town", "zone"], ["zone.town", "zone.id"]),
        CheckConstraint(
            "kind IN ('desk', 'door', 'escape_door', 'camera', 'detector', 'button', 'contact')", name="kind"
        ),
        Index("ix_point_zone", "town", "zone"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    zone: Mapped[UUID]
    label: Mapped[str]
    kind: Mapped[str]


#: Rule R16, in the database too: `FOR SHARE` makes a camera and a change of its zone's kind wait for each other.
triggers(
    PointRow,
    "CREATE FUNCTION check_camera_point() RETURNS trigger LANGUAGE plpgsql AS $$\n"
    "DECLARE found text;\n"
    "BEGIN\n"
    "  IF NEW.kind <> 'camera' THEN RETURN NEW; END IF;\n"
    "  SELECT z.kind INTO found FROM zone z WHERE z.town = NEW.town AND z.id = NEW.zone FOR SHARE;\n"
    "  IF found IS NULL OR found NOT IN ('entrance', 'waiting') THEN\n"
    "    RAISE EXCEPTION 'R16: no camera in this zone' USING ERRCODE = 'check_violation', CONSTRAINT = 'camera_zone';\n"
    "  END IF;\n"
    "  RETURN NEW;\n"
    "END\n$$",
    "CREATE TRIGGER camera_zone BEFORE INSERT OR UPDATE ON point FOR EACH ROW EXECUTE FUNCTION check_camera_point()",
    "CREATE FUNCTION check_camera_zone() RETURNS trigger LANGUAGE plpgsql AS $$\n"
    "BEGIN\n"
    "  IF NEW.kind NOT IN ('entrance', 'waiting') AND EXISTS (SELECT 1 FROM point p\n"
    "      WHERE p.town = NEW.town AND p.zone = NEW.id AND p.kind = 'camera') THEN\n"
    "    RAISE EXCEPTION 'R16: a camera is here' USING ERRCODE = 'check_violation', CONSTRAINT = 'camera_zone';\n"
    "  END IF;\n"
    "  RETURN NEW;\n"
    "END\n$$",
    "CREATE TRIGGER camera_zone AFTER UPDATE ON zone FOR EACH ROW EXECUTE FUNCTION check_camera_zone()",
)


@of_town("SELECT", "INSERT", "UPDATE")
class LineRow(Base):
    """A sender's account at a gateway."""

    __tablename__ = "line"
    __table_args__ = (
        UniqueConstraint("town", "gateway", "protocol", "sender"),
        ForeignKeyConstraint(["town", "gateway"], ["source.town", "source.id"]),
        ForeignKeyConstraint(["town", "building"], ["building.town", "building.id"]),
        CheckConstraint("protocol IN ('dc09', 'http', 'mqtt', 'onvif')", name="protocol"),
        CheckConstraint("link IN ('unknown', 'online', 'late', 'lost')", name="link"),
        CheckConstraint("interval_s > 0", name="interval_s"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    gateway: Mapped[UUID]
    protocol: Mapped[str]
    #: Text: a DC-09 account without `#`, an HTTP sender's id.
    sender: Mapped[str]
    label: Mapped[str]
    #: Where its points are that nobody has mapped: an unknown extension is an alarm of the building.
    building: Mapped[UUID]
    interval_s: Mapped[int]
    #: AES keys as hex, the newest first, separated by blanks; go to the gateway and are shown to nobody.
    keys: Mapped[str]
    nak_address: Mapped[str | None]
    #: Hex.
    token_sha256: Mapped[str | None]
    link: Mapped[str]
    link_at: Mapped[datetime | None]
    last_seen: Mapped[datetime | None]


@of_town("SELECT", "INSERT", "DELETE")
class LinePointRow(Base):
    """What a sender calls a point."""

    __tablename__ = "line_point"
    __table_args__ = (
        ForeignKeyConstraint(["town", "line"], ["line.town", "line.id"]),
        ForeignKeyConstraint(["town", "point"], ["point.town", "point.id"]),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[UUID] = mapped_column(primary_key=True)
    #: Text, never a number: makers differ on hex or decimal.
    name: Mapped[str] = mapped_column(primary_key=True)
    point: Mapped[UUID]


@of_town("SELECT", "INSERT", "UPDATE")
class AlarmRow(Base):
    """What a person has to look at. Point, line and incident are no foreign keys: rows of a batch come in any order."""

    __tablename__ = "alarm"
    __table_args__ = (
        CheckConstraint("priority BETWEEN 1 AND 5", name="priority"),
        CheckConstraint(
            "state IN ('raised', 'returned_unaccepted', 'accepted', 'returned', 'shelved', 'out_of_service', 'closed')",
            name="state",
        ),
        CheckConstraint("(state = 'closed') = (disposition IS NOT NULL)", name="closed_with_disposition"),
        CheckConstraint("state <> 'shelved' OR (priority > 1 AND shelved_until IS NOT NULL)", name="no_shelved_p1"),
        Index("uq_alarm_open", "town", "spot", "kind", unique=True, postgresql_where="state <> 'closed'"),
        Index("ix_alarm_p1", "town", "id", postgresql_where="priority = 1 AND state <> 'closed'"),
        Index("ix_alarm_due", "town", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index("ix_alarm_building", "town", "building", "received_at"),
        Index("ix_alarm_spot", "town", "spot", "kind", "raised_at"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: Id of the entry that raised it.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    kind: Mapped[str]
    priority: Mapped[int]
    state: Mapped[str]
    is_latched: Mapped[bool]
    spot: Mapped[str]
    place: Mapped[str]
    building: Mapped[UUID | None]
    zone: Mapped[UUID | None]
    point: Mapped[UUID | None]
    line: Mapped[UUID | None]
    sender: Mapped[str | None]
    code: Mapped[str | None]
    level: Mapped[int | None]
    text: Mapped[str | None]
    flags: Mapped[str]
    count: Mapped[int]
    sounds: Mapped[int]
    received_at: Mapped[datetime]
    last_at: Mapped[datetime]
    raised_at: Mapped[datetime]
    late_s: Mapped[int | None]
    incident: Mapped[UUID | None]
    shown_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[UUID | None]
    shelved_until: Mapped[datetime | None]
    reason: Mapped[str | None]
    #: The poller's loop claims it then.
    due_at: Mapped[datetime | None]
    told: Mapped[str | None]
    told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    disposition: Mapped[str | None]


@of_town("SELECT", "INSERT", append_only=True)
class SignalRow(Base):
    """What a gateway received, whole. One row for each, whatever the rules make of it."""

    __tablename__ = "signal"
    __table_args__ = (
        UniqueConstraint("town", "source", "dedup"),
        CheckConstraint("state IN ('normalised', 'unparsed')", name="state"),
        Index("ix_signal_alarm", "town", "alarm", "received_at"),
        Index("ix_signal_bad", "town", "source", "received_at", postgresql_where="state = 'unparsed'"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: The entry's id.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    state: Mapped[str]
    #: What the rules made of it, by which rule in which version; each further decision has a row of its own.
    outcome: Mapped[str]
    rule: Mapped[str | None]
    version: Mapped[int]
    alarm: Mapped[UUID | None]
    line: Mapped[UUID | None]
    protocol: Mapped[str]
    #: The bytes as they arrived.
    raw: Mapped[bytes]
    sender: Mapped[str | None]
    point_name: Mapped[str | None]
    kind: Mapped[str | None]
    code: Mapped[str | None]
    level: Mapped[int | None]
    text: Mapped[str | None]
    flags: Mapped[str]
    is_test: Mapped[bool]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    #: K1: unique within its gateway.
    dedup: Mapped[str]
    occurred_at: Mapped[datetime | None]
    #: The gateway's clock; windows count it.
    received_at: Mapped[datetime]
    #: The server's clock.
    admitted_at: Mapped[datetime]


@of_town("SELECT", "INSERT", append_only=True)
class SignalRepeatRow(Base):
    """The same frame again (K1): counted, and no signal of its own."""

    __tablename__ = "signal_repeat"
    __table_args__ = (Index("ix_signal_repeat_signal", "town", "signal"),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: The entry's id.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    signal: Mapped[UUID]
    received_at: Mapped[datetime]
    admitted_at: Mapped[datetime]


@of_town("SELECT", "INSERT", append_only=True)
class LinkChangeRow(Base):
    """How a sender's link stood, as its gateway told."""

    __tablename__ = "link_change"
    __table_args__ = (Index("ix_link_change_line", "town", "line", "at"),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: The entry's id.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    #: None: the sender is unknown here.
    line: Mapped[UUID | None]
    sender: Mapped[str]
    state: Mapped[str]
    at: Mapped[datetime]
    last_seen: Mapped[datetime | None]
    admitted_at: Mapped[datetime]


@of_town("SELECT", "INSERT", append_only=True)
class LinkSummaryRow(Base):
    """What a gateway heard in an hour; polls carry no event and stand only here."""

    __tablename__ = "link_summary"
    __table_args__ = (Index("ix_link_summary_source", "town", "source", "at"),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: The entry's id.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    since: Mapped[datetime]
    at: Mapped[datetime]
    #: Polls, signals and repeats of each sender, as they came.
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    #: Requests whose token nobody has.
    strangers: Mapped[int]


#: P1 beside the feed: for each town how many nobody accepted, and a number that changes with every change of the set.
definer_function(
    "urgent_alarms",
    "towns uuid[]",
    "TABLE (town uuid, waiting bigint, stamp numeric)",
    """
    SELECT w.town, count(*) FILTER (WHERE o.is_waiting), coalesce(sum(hashtextextended(o.id::text, o.rev)::numeric), 0)
    FROM unnest(towns) AS w(town) LEFT JOIN LATERAL (
        SELECT a.id, a.rev, a.state IN ('raised', 'returned_unaccepted') AS is_waiting FROM alarm a
        WHERE a.town = w.town AND a.priority = 1 AND a.state <> 'closed'
        UNION ALL
        SELECT e.id, e.rev, e.state IN ('stored', 'shown') FROM emergency e
        WHERE e.town = w.town AND e.state <> 'closed'
    ) AS o ON true GROUP BY w.town
    """,
)

#: The towns in which a timer of the control room is due.
definer_function(
    "timers_due",
    "at timestamptz",
    "SETOF uuid",
    """
    SELECT town FROM job WHERE due_at <= at UNION SELECT town FROM alarm WHERE due_at <= at
    UNION SELECT town FROM emergency WHERE due_at <= at
    UNION SELECT s.town FROM source s WHERE s.kind = 'gateway' AND s.last_contact_at < at - interval '90 s' AND EXISTS (
        SELECT 1 FROM line l WHERE l.town = s.town AND l.gateway = s.id AND l.link <> 'unknown')
    UNION SELECT a.town FROM alarm a JOIN source s ON s.town = a.town AND 'gateway:' || s.id = a.spot
        WHERE a.kind = 'gateway.lost' AND a.state IN ('raised', 'accepted')
        AND s.last_contact_at >= at - interval '90 s'
    """,
)
