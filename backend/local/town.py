"""The sample town: who works in it, its buildings, its devices. Invented people, invented places.

Accounts are made as an operator makes them, on the database; all else over the API, as an administrator does it.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from backend.db import sessions_of
from backend.errors import NotFound
from backend.fields import TownId, uuid7
from backend.identity import service as identity
from backend.identity import sources
from backend.identity.wire import NewEnrolment
from backend.local import setup
from backend.local.signed_in import SignedIn
from backend.local.state import State, write_atomically
from backend.server import Server

SLUG: Final = "grafenrath"
NAME: Final = "Stadt Grafenrath"
DOMAIN: Final = "grafenrath.example"


class Someone(NamedTuple):
    """An account of the sample town."""

    login: str
    name: str
    call_sign: str
    roles: tuple[str, ...]
    #: What a person reads beside the login.
    work: str


PEOPLE: Final = (
    Someone("leitstelle", "Heike Brandt", "Leitstelle 1", ("dispatcher",), "Leitstelle"),
    Someone("erle-22", "Jana Okafor", "Erle 22", ("officer",), "Streife, trägt eine Bodycam"),
    Someone("erle-23", "Mehmet Aydın", "Erle 23", ("officer",), "Streife"),
    Someone("sb-14", "Vera Lindner", "SB 14", ("clerk",), "Sachbearbeitung Bußgeld"),
    Someone("leitung", "Ines Vogt", "Leitung", ("superior",), "Einsatzleitung"),
    Someone("beweis-1", "Ruth Sommer", "Beweis 1", ("custodian",), "Beweismittelverwaltung"),
    Someone("beweis-2", "Paul Wegner", "Beweis 2", ("custodian",), "Beweismittelverwaltung, zweite Person"),
    Someone("dsb", "Klaus Ebert", "DSB", ("dpo",), "Datenschutz"),
    Someone("admin-1", "Sabine Krämer", "Admin 1", ("admin",), "Administration"),
    Someone("admin-2", "Jörg Thelen", "Admin 2", ("admin",), "Administration, zweite Person"),
)
#: Cameras that the dock waits for: folder, and who wears it. The last belongs to `streife demo --check`.
CAMERAS: Final = (("kamera-1", "erle-22"), ("kamera-pruefung", "erle-23"))
GATEWAY, DOCK = "Gateway Rathaus", "Dockstation Wache"
#: Accounts of the two panels: the town hall's, plain, and the Jobcenter's, encrypted.
PANEL_HALL, PANEL_JOBCENTER = "1234", "AB01"
HTTP_SENDER: Final = "jc-nord"


class Found(NamedTuple):
    """The town and what its devices need at their first start."""

    town: TownId
    codes: Mapping[str, str]


def password(state: State) -> str:
    """Of every account of this demo; random, of this state folder."""
    return state.secret("demo.password")


def panel_key(state: State) -> bytes:
    """The Jobcenter panel's AES key."""
    return sha256(state.secret("demo.panel").encode()).digest()[:16]


def desk_token(state: State) -> str:
    """What the desks' alarm buttons send with each signal."""
    return state.secret("demo.desks")


def found(server: Server, state: State, devices: Mapping[str, str]) -> Found:
    """Town, accounts and catalogue exist, and each of `devices` (label → kind) has a fresh enrolment code."""
    try:
        town = setup.town_of(server, SLUG)
    except NotFound:
        town = setup.found_town(server, uuid7(), slug=SLUG, name=NAME, domain=DOMAIN)
    with sessions_of(server.engine, town).begin() as session:
        known = {person.login for person in identity.people(session)}
    for one in PEOPLE:
        if one.login not in known:
            who = {"login": one.login, "name": one.name, "call_sign": one.call_sign, "roles": one.roles}
            setup.add_person(server, town, password=password(state), **who)  # type: ignore[arg-type]
    setup.import_catalogue(server, town, None)
    codes = {}
    with sessions_of(server.engine, town).begin() as session:
        for label, kind in devices.items():
            asked = NewEnrolment(kind=kind, label=label)  # type: ignore[arg-type]
            codes[label] = sources.open_enrolment(session, None, asked, now=datetime.now(UTC)).code
    return Found(town, codes)


class Ids:
    """Ids that a client chose, on disk before they are sent: what is asked for twice exists once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The id of this name, the same at every start and in every process."""
        if name not in self._known and self._path.exists():
            self._known = json.loads(self._path.read_text())
        if name not in self._known:
            self._known[name] = str(uuid7())
            write_atomically(self._path, json.dumps(self._known, indent=1).encode())
        return self._known[name]


class Town:
    """The sample town over its API."""

    def __init__(self, state: State, address: str) -> None:
        """Signs nobody in yet."""
        self.state = state
        self.address = address
        self.ids = Ids(state.folder / "demo.json")
        self._signed: dict[str, SignedIn] = {}

    def sign_in(self, login: str) -> SignedIn:
        """A session of its own for this account."""
        return SignedIn(self.address, SLUG, login, password(self.state))

    def person(self, login: str) -> SignedIn:
        """This account's session, signed in at its first use."""
        if login not in self._signed:
            self._signed[login] = self.sign_in(login)
        return self._signed[login]

    def people(self) -> dict[str, str]:
        """Ids of the accounts by login."""
        return {one["login"]: one["id"] for one in self.person("admin-1").get("/v1/people")}

    def build(self) -> None:
        """Sites, zones, points, units and training certificates are there."""
        admin, leader = self.person("admin-1"), self.person("leitung")
        for key, name, street in (("hall", "Rathaus", "Marktplatz 1"), ("jc", "Jobcenter Nord", "Nordstraße 40")):
            self._add(admin, "sites", f"{key}.site", name=name, address=street)
            self._add(admin, "buildings", key, site=self.ids.of(f"{key}.site"), name=name)
        zones = (
            ("hall.entrance", "hall", "Eingang Markt", "entrance"),
            ("hall.office", "hall", "Bürgerbüro", "office"),
            ("jc.waiting", "jc", "Wartezone", "waiting"),
            ("jc.office", "jc", "Zimmer 217", "office"),
            ("jc.escape", "jc", "Fluchtweg Hof", "escape"),
        )
        for key, building, name, kind in zones:
            self._add(admin, "zones", key, building=self.ids.of(building), name=name, kind=kind)
        points = (
            ("hall.017", "hall.office", "Platz 3", "desk"),
            ("hall.018", "hall.office", "Platz 4", "desk"),
            ("hall.detector", "hall.entrance", "Torsonde", "detector"),
            ("hall.camera", "hall.entrance", "Kamera Eingang", "camera"),
            ("jc.desk-1", "jc.office", "Zimmer 217, Platz 1", "desk"),
            ("jc.desk-2", "jc.office", "Zimmer 217, Platz 2", "desk"),
            ("jc.door", "jc.escape", "Fluchttür Hof", "escape_door"),
        )
        for key, zone, label, kind in points:
            self._add(admin, "points", key, zone=self.ids.of(zone), label=label, kind=kind)
        people, desk = self.people(), self.person("leitstelle")
        for login in ("erle-22", "erle-23"):
            sign = next(one.call_sign for one in PEOPLE if one.login == login)
            self._add(desk, "units", f"unit.{login}", call_sign=sign, mode="foot")
            unit = self.ids.of(f"unit.{login}")
            desk.post(f"/v1/units/{unit}/shifts", {"id": self.ids.of(f"shift.{login}"), "person": people[login]})
            desk.post(f"/v1/units/{unit}/status", {"id": self.ids.of(f"status.{login}"), "code": "1"})
            self._train(leader, people[login])

    def connect(self) -> None:
        """The gateway knows its lines; it must be enrolled."""
        admin = self.person("admin-1")
        gateway = next(one["id"] for one in admin.get("/v1/sources") if one["label"] == GATEWAY)
        common: dict[str, Any] = {"gateway": gateway, "interval_s": 60}
        hall = [{"name": name, "point": self.ids.of(f"hall.{name}")} for name in ("017", "018", "detector")]
        jobcenter = [{"name": name, "point": self.ids.of(f"jc.{name}")} for name in ("desk-1", "desk-2", "door")]
        numbered = [{"name": f"{n:03}", "point": one["point"]} for n, one in enumerate(jobcenter, 1)]
        lines: tuple[tuple[str, dict[str, Any]], ...] = (
            (PANEL_HALL, {"protocol": "dc09", "building": self.ids.of("hall"), "label": "Zentrale Rathaus"}),
            (PANEL_JOBCENTER, {"protocol": "dc09", "building": self.ids.of("jc"), "label": "Zentrale Jobcenter Nord"}),
            (HTTP_SENDER, {"protocol": "http", "building": self.ids.of("jc"), "label": "Tischalarme Jobcenter Nord"}),
        )
        points = {PANEL_HALL: hall, PANEL_JOBCENTER: numbered, HTTP_SENDER: jobcenter}
        secrets: dict[str, dict[str, Any]] = {
            PANEL_JOBCENTER: {"keys": [panel_key(self.state).hex()]},
            HTTP_SENDER: {"token_sha256": sha256(desk_token(self.state).encode()).hexdigest()},
        }
        for sender, facts in lines:
            more = secrets.get(sender, {})
            self._add(admin, "lines", f"line.{sender}", sender=sender, points=points[sender], **common, **facts, **more)

    def assign(self, serial: str, login: str) -> str | None:
        """The camera of this serial is confirmed and its officer's for a shift; its pseudonym, None: not seen yet."""
        admin, leader = self.person("admin-1"), self.person("leitung")
        camera = next((one for one in admin.get("/v1/cameras") if one["serial"] == serial), None)
        if camera is None:
            return None
        if camera["state"] == "unconfirmed":
            admin.post(f"/v1/cameras/{camera['id']}/confirm", {"kind": "bodycam"})
        now = datetime.now(UTC)
        standing = leader.get("/v1/camera-assignments")
        mine = [one for one in standing if one["camera"] == camera["pseudonym"]]
        if not any(datetime.fromisoformat(one["until"]) > now for one in mine):
            span = {
                "since": (now - timedelta(minutes=30)).isoformat(),
                "until": (now + timedelta(hours=20)).isoformat(),
            }
            leader.post(f"/v1/cameras/{camera['id']}/assignments", {"person": self.people()[login], **span})
        pseudonym: str = camera["pseudonym"]
        return pseudonym

    def enrolment_code(self, label: str) -> str:
        """A fresh code for a phone."""
        opened = self.person("admin-1").post("/v1/enrolments", {"kind": "phone", "label": label})
        return str(opened["code"])

    def close(self) -> None:
        """No connection is left open."""
        for one in self._signed.values():
            one.close()
        self._signed.clear()

    def _add(self, who: SignedIn, what: str, key: str, /, **members: Any) -> None:
        who.post(f"/v1/{what}", {"id": self.ids.of(key), **members})

    def _train(self, leader: SignedIn, person: str) -> None:
        if any(one["person"] == person for one in leader.get("/v1/training-certificates")):
            return
        today = datetime.now(UTC).date()
        span = {"issued_on": str(today - timedelta(days=30)), "valid_until": str(today + timedelta(days=335))}
        leader.post("/v1/training-certificates", {"person": person, "issuer": "Ausbildung Ordnungsamt", **span})
