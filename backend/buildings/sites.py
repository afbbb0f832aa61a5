"""Sites, buildings, zones, points and senders' lines, as administrators set them up (design/control-room.md 3.1)."""

from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.buildings import rules, wire
from backend.buildings.tables import BuildingRow, LinePointRow, LineRow, PointRow, SiteRow, ZoneRow
from backend.buildings.wire import (
    Building,
    ChangedLine,
    ChangedPoint,
    ChangedZone,
    LinePoint,
    LinkState,
    NewBuilding,
    NewLine,
    NewPoint,
    NewSite,
    NewZone,
    Point,
    Protocol,
    SenderLine,
    Site,
    Zone,
)
from backend.db import Bulk, Whole, later, rows, send, write_out
from backend.dispatch.service import check_new, check_same, lock
from backend.errors import BadInput, CameraForbidden, ForeignId, NotFound
from backend.feed import service as feed
from backend.fields import Actor, SourceId


class LineState(Struct, frozen=True, kw_only=True):
    """A line as its row holds it, with what nobody is shown."""

    id: UUID
    rev: int
    gateway: SourceId
    protocol: Protocol
    sender: str
    label: str
    building: UUID
    interval_s: int
    keys: str
    nak_address: str | None
    token_sha256: str | None
    link: LinkState
    link_at: datetime | None
    last_seen: datetime | None


SITES: Final = Whole(SiteRow, Site)
BUILDINGS: Final = Whole(BuildingRow, Building)
ZONES: Final = Whole(ZoneRow, Zone)
POINTS: Final = Whole(PointRow, Point)
LINES: Final = Whole(LineRow, LineState)
_LINE_POINT: Final = Bulk(LinePointRow, ["town", "line", "name", "point"])
_GATEWAY: Final = "SELECT kind FROM source WHERE id = %(id)s"
_SAME_SENDER: Final = "WHERE gateway = %(gateway)s AND protocol = %(protocol)s AND sender = %(sender)s"

_Thing = TypeVar("_Thing", Site, Building, Zone, Point)


def _kept(session: Session, whole: Whole[_Thing], thing: _Thing, sent: dict[str, object]) -> _Thing:
    """The new thing, or the one that stands under its id with the same content."""
    check_new(thing.id)
    lock(session)
    known = whole.get(session, thing.id)
    if known is not None:
        check_same(known, **sent)
        return known
    whole.save(session, thing)
    return thing


def _refer(session: Session, whole: Whole[Any], id: UUID, field: str) -> Any:
    found = whole.get(session, id)
    if found is None:
        raise ForeignId(field=field)
    return found


def add_site(session: Session, actor: Actor, data: NewSite) -> Site:
    """The site stands; the same again returns it.

    Raises:
        IdReused: the id stands for something else.
    """
    del actor
    site = Site(id=data.id, rev=1, name=data.name, address=data.address)
    return _kept(session, SITES, site, {"name": data.name, "address": data.address})


def add_building(session: Session, actor: Actor, data: NewBuilding) -> Building:
    """The building stands; the same again returns it.

    Raises:
        IdReused: the id stands for something else.
        ForeignId: there is no such site.
    """
    del actor
    _refer(session, SITES, data.site, "/site")
    building = Building(id=data.id, rev=1, site=data.site, name=data.name)
    return _kept(session, BUILDINGS, building, {"site": data.site, "name": data.name})


def add_zone(session: Session, actor: Actor, data: NewZone) -> Zone:
    """The zone stands; the same again returns it.

    Raises:
        IdReused: the id stands for something else.
        ForeignId: there is no such building.
    """
    del actor
    _refer(session, BUILDINGS, data.building, "/building")
    zone = Zone(id=data.id, rev=1, building=data.building, name=data.name, kind=data.kind)
    return _kept(session, ZONES, zone, {"building": data.building, "name": data.name, "kind": data.kind})


def change_zone(session: Session, actor: Actor, id: UUID, data: ChangedZone) -> Zone:
    """The zone is what is given; again, it stays as it is.

    Raises:
        NotFound: there is no such zone.
        CameraForbidden: a camera is in it, and this kind allows none (R16).
    """
    del actor
    lock(session)
    zone = ZONES.get(session, id)
    if zone is None:
        raise NotFound
    cameras = POINTS.find(session, "WHERE zone = %(zone)s AND kind = 'camera'", zone=id)
    if cameras and data.kind not in rules.CAMERA_ZONES:
        raise CameraForbidden(field="/kind", rule="R16", zone_kind=data.kind)
    changed = replace(zone, name=data.name, kind=data.kind)
    if changed == zone:
        return zone
    changed = replace(changed, rev=zone.rev + 1)
    ZONES.save(session, changed)
    return changed


def add_point(session: Session, actor: Actor, data: NewPoint) -> Point:
    """The point stands in its zone; the same again returns it.

    Raises:
        IdReused: the id stands for something else.
        ForeignId: there is no such zone.
        CameraForbidden: a camera may not be there (R16).
    """
    del actor
    _check_camera(_refer(session, ZONES, data.zone, "/zone"), data.kind)
    point = Point(id=data.id, rev=1, zone=data.zone, label=data.label, kind=data.kind)
    return _kept(session, POINTS, point, {"zone": data.zone, "label": data.label, "kind": data.kind})


def change_point(session: Session, actor: Actor, id: UUID, data: ChangedPoint) -> Point:
    """The point is what is given, where it is given; again, it stays as it is.

    Raises:
        NotFound: there is no such point.
        ForeignId: there is no such zone.
        CameraForbidden: a camera may not be there (R16).
    """
    del actor
    lock(session)
    point = POINTS.get(session, id)
    if point is None:
        raise NotFound
    _check_camera(_refer(session, ZONES, data.zone, "/zone"), data.kind)
    changed = replace(point, zone=data.zone, label=data.label, kind=data.kind)
    if changed == point:
        return point
    changed = replace(changed, rev=point.rev + 1)
    POINTS.save(session, changed)
    return changed


def _check_camera(zone: Zone, kind: str) -> None:
    if kind == "camera" and zone.kind not in rules.CAMERA_ZONES:
        raise CameraForbidden(field="/zone", rule="R16", zone_kind=zone.kind)


# --- lines ---


def add_line(session: Session, actor: Actor, data: NewLine) -> SenderLine:
    """The line stands, and its gateway gets it; the same again returns it.

    Raises:
        IdReused: the id, or this sender at this gateway, stands for something else.
        ForeignId: there is no such gateway, building or point; names it.
    """
    del actor
    check_new(data.id)
    lock(session)
    known = LINES.get(session, data.id)
    if known is not None:
        check_same(known, gateway=data.gateway, protocol=data.protocol, sender=data.sender, label=data.label)
        return as_wire(known)
    kinds = rows(session, _GATEWAY, id=data.gateway)
    if not kinds or kinds[0].kind != "gateway":
        raise ForeignId(field="/gateway")
    same = LINES.find(session, _SAME_SENDER, gateway=data.gateway, protocol=data.protocol, sender=data.sender)
    if same:
        raise BadInput(field="/sender", detail="this gateway has a line of this sender already")
    line = LineState(
        id=data.id,
        rev=0,
        gateway=data.gateway,
        protocol=data.protocol,
        sender=data.sender,
        label=data.label,
        building=data.building,
        interval_s=data.interval_s,
        keys=" ".join(data.keys),
        nak_address=data.nak_address,
        token_sha256=data.token_sha256,
        link="unknown",
        link_at=None,
        last_seen=None,
    )
    _check_line(session, data)
    return _keep_line(session, line, data.points)


def change_line(session: Session, actor: Actor, id: UUID, data: ChangedLine) -> SenderLine:
    """The line is what is given, whole, and its gateway gets it.

    Raises:
        NotFound: there is no such line.
        ForeignId: there is no such building or point; names it.
    """
    del actor
    lock(session)
    line = LINES.get(session, id)
    if line is None:
        raise NotFound
    _check_line(session, data)
    changed = replace(
        line,
        label=data.label,
        building=data.building,
        interval_s=data.interval_s,
        keys=" ".join(data.keys),
        nak_address=data.nak_address,
        token_sha256=data.token_sha256,
    )
    return _keep_line(session, changed, data.points)


def _check_line(session: Session, data: NewLine | ChangedLine) -> None:
    _refer(session, BUILDINGS, data.building, "/building")
    names = set()
    for index, one in enumerate(data.points):
        _refer(session, POINTS, one.point, f"/points/{index}/point")
        if one.name in names:
            raise BadInput(field=f"/points/{index}/name", detail="stands twice")
        names.add(one.name)


def _keep_line(session: Session, line: LineState, points: list[LinePoint]) -> SenderLine:
    kept = replace(line, rev=line.rev + 1)
    LINES.save(session, kept)
    write_out(session)
    send(session, "DELETE FROM line_point WHERE line = %(line)s", line=kept.id)
    for one in points:
        later(session, _LINE_POINT, (session.info["town"], kept.id, one.name, one.point))
    row = wire.LineRow(
        protocol=kept.protocol,
        sender=kept.sender,
        interval_s=kept.interval_s,
        keys=kept.keys.split(),
        nak_address=kept.nak_address,
        token_sha256=kept.token_sha256,
        label=kept.label,
        points=[one.name for one in points],
    )
    feed.put(session, f"self:{kept.gateway}", "line", id=kept.id, rev=kept.rev, body=row)
    return _show(session, kept)


def _show(session: Session, line: LineState) -> SenderLine:
    shown = as_wire(line)
    feed.put(session, "desk", "line", id=line.id, rev=line.rev, body=shown)
    return shown


def note_link(session: Session, id: UUID, state: LinkState, *, at: datetime, last_seen: datetime | None) -> None:
    """The line's link stands as its gateway told it at `at`; what was told later by the gateway's clock is kept."""
    line = LINES.get(session, id)
    if line is None or (line.link_at is not None and at < line.link_at):
        return
    show_link(session, replace(line, link_at=at, last_seen=last_seen or line.last_seen), state)


def show_link(session: Session, line: LineState, state: LinkState) -> None:
    """The line stands with this link, one revision on; the desk sees it."""
    changed = replace(line, rev=line.rev + 1, link=state)
    LINES.save(session, changed)
    _show(session, changed)


def as_wire(line: LineState) -> SenderLine:
    """The line without its secrets."""
    return SenderLine(
        id=line.id,
        rev=line.rev,
        gateway=line.gateway,
        protocol=line.protocol,
        sender=line.sender,
        label=line.label,
        building=line.building,
        interval_s=line.interval_s,
        nak_address=line.nak_address,
        has_keys=bool(line.keys),
        has_token=line.token_sha256 is not None,
        link=line.link,
        link_at=line.link_at,
        last_seen=line.last_seen,
    )
