"""Alarms and buildings, for people at a browser; gateways tell through the exchange."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from backend.buildings import alarms, queries, sites
from backend.buildings.wire import (
    Alarm,
    Building,
    ChangedLine,
    ChangedPoint,
    ChangedZone,
    CloseAlarm,
    DeskBoard,
    NewBuilding,
    NewLine,
    NewPoint,
    NewSite,
    NewZone,
    OpenAlarms,
    Point,
    SenderLine,
    ShelveAlarm,
    Site,
    Sites,
    WholeAlarm,
    Zone,
)
from backend.db import Sessions
from backend.errors import problems
from backend.fields import Actor
from backend.server import Server

Only = Annotated[Literal["all", "p1"], QueryParameter(name="open", description="`p1`: only priority 1.")]


@get(
    "/desk/board",
    operation_id="deskBoard",
    sync_to_thread=True,
    opt={"right": "dispatch:R"},
    responses=problems(401, 403),
)
def desk_board(actor: Actor, sessions: Sessions, server: Server, now: datetime) -> DeskBoard:
    """What the control room's screens begin with: all that is open, and the feed's cursor."""
    with sessions.begin() as session:
        return queries.desk_board(session, actor, secret=server.secret, now=now)


@get(
    "/alarms",
    operation_id="listAlarms",
    sync_to_thread=True,
    opt={"right": "alarm:R"},
    responses=problems(400, 401, 403),
)
def list_alarms(sessions: Sessions, only: Only = "all") -> OpenAlarms:
    """Open alarms, whole and past the feed; with `open=p1` those of priority 1 and emergencies."""
    with sessions.begin() as session:
        return queries.alarms(session, only)


@get(
    "/alarms/{alarm_id:uuid}",
    operation_id="getAlarm",
    sync_to_thread=True,
    opt={"right": "alarm:R"},
    responses=problems(400, 401, 403, 404),
)
def get_alarm(alarm_id: FromPath[UUID], sessions: Sessions) -> WholeAlarm:
    """An alarm with its newest signals, raw bytes included."""
    with sessions.begin() as session:
        return queries.whole_alarm(session, alarm_id)


@post(
    "/alarms/{alarm_id:uuid}/shown",
    operation_id="showAlarm",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "alarm:C"},
    responses=problems(400, 401, 403, 404),
)
def show_alarm(alarm_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: datetime) -> Alarm:
    """A control-room screen painted the alarm; its sender learns it silently."""
    with sessions.begin() as session:
        return alarms.show(session, actor, alarm_id, now=now)


@post(
    "/alarms/{alarm_id:uuid}/accept",
    operation_id="acceptAlarm",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "alarm:C"},
    responses=problems(400, 401, 403, 404, 409),
)
def accept_alarm(alarm_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: datetime) -> Alarm:
    """Take over responsibility for an alarm; its sender learns it silently."""
    with sessions.begin() as session:
        return alarms.accept(session, actor, alarm_id, now=now)


@post(
    "/alarms/{alarm_id:uuid}/close",
    operation_id="closeAlarm",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "alarm:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def close_alarm(alarm_id: FromPath[UUID], data: CloseAlarm, actor: Actor, sessions: Sessions, now: datetime) -> Alarm:
    """Close an accepted alarm with its disposition."""
    with sessions.begin() as session:
        return alarms.close(session, actor, alarm_id, data, now=now)


@post(
    "/alarms/{alarm_id:uuid}/shelve",
    operation_id="shelveAlarm",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "alarm:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def shelve_alarm(alarm_id: FromPath[UUID], data: ShelveAlarm, actor: Actor, sessions: Sessions, now: datetime) -> Alarm:
    """Keep an alarm quiet for a while; never a P1."""
    with sessions.begin() as session:
        return alarms.shelve(session, actor, alarm_id, data, now=now)


@get(
    "/sites",
    operation_id="listSites",
    sync_to_thread=True,
    opt={"right": "site:R"},
    responses=problems(401, 403),
)
def list_sites(sessions: Sessions) -> Sites:
    """All sites, buildings, zones, points and senders' lines; keys and tokens are never shown."""
    with sessions.begin() as session:
        return queries.sites(session)


@post(
    "/sites",
    operation_id="addSite",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "site:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def add_site(data: NewSite, actor: Actor, sessions: Sessions) -> Site:
    """Add a site; the same again returns it."""
    with sessions.begin() as session:
        return sites.add_site(session, actor, data)


@post(
    "/buildings",
    operation_id="addBuilding",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "site:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def add_building(data: NewBuilding, actor: Actor, sessions: Sessions) -> Building:
    """Add a building; the same again returns it."""
    with sessions.begin() as session:
        return sites.add_building(session, actor, data)


@post(
    "/zones",
    operation_id="addZone",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "site:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def add_zone(data: NewZone, actor: Actor, sessions: Sessions) -> Zone:
    """Add a zone; the same again returns it."""
    with sessions.begin() as session:
        return sites.add_zone(session, actor, data)


@post(
    "/points",
    operation_id="addPoint",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "site:C"},
    responses=problems(400, 401, 403, 409, 413, 415, 422),
)
def add_point(data: NewPoint, actor: Actor, sessions: Sessions) -> Point:
    """Add a point; a camera only in an entrance or waiting zone (R16)."""
    with sessions.begin() as session:
        return sites.add_point(session, actor, data)


@post(
    "/lines",
    operation_id="addLine",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "site:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def add_line(data: NewLine, actor: Actor, sessions: Sessions) -> SenderLine:
    """Add a sender's account at a gateway, which gets it at once."""
    with sessions.begin() as session:
        return sites.add_line(session, actor, data)


@post(
    "/zones/{zone_id:uuid}/change",
    operation_id="changeZone",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "site:C"},
    responses=problems(400, 401, 403, 404, 413, 415, 422),
)
def change_zone(zone_id: FromPath[UUID], data: ChangedZone, actor: Actor, sessions: Sessions) -> Zone:
    """Change a zone; not to a kind that forbids the cameras in it (R16)."""
    with sessions.begin() as session:
        return sites.change_zone(session, actor, zone_id, data)


@post(
    "/points/{point_id:uuid}/change",
    operation_id="changePoint",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "site:C"},
    responses=problems(400, 401, 403, 404, 413, 415, 422),
)
def change_point(point_id: FromPath[UUID], data: ChangedPoint, actor: Actor, sessions: Sessions) -> Point:
    """Change or move a point; a camera only into an entrance or waiting zone (R16)."""
    with sessions.begin() as session:
        return sites.change_point(session, actor, point_id, data)


@post(
    "/lines/{line_id:uuid}/change",
    operation_id="changeLine",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "site:C"},
    responses=problems(400, 401, 403, 404, 413, 415),
)
def change_line(line_id: FromPath[UUID], data: ChangedLine, actor: Actor, sessions: Sessions) -> SenderLine:
    """Change a line, whole; its gateway gets it at once."""
    with sessions.begin() as session:
        return sites.change_line(session, actor, line_id, data)


router = Router(
    "/v1",
    route_handlers=[
        desk_board,
        list_alarms,
        get_alarm,
        show_alarm,
        accept_alarm,
        close_alarm,
        shelve_alarm,
        list_sites,
        add_site,
        add_building,
        add_zone,
        add_point,
        add_line,
        change_zone,
        change_point,
        change_line,
    ],
    tags=["buildings"],
)
