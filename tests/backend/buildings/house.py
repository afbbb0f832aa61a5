"""A town hall with desks, doors and a panel at a gateway, set up over HTTP as an administrator does."""

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from backend.fields import Role, uuid7
from sync.entry import format_instant, format_recorded_at
from sync.ledger import Draft
from tests.backend.exchange.conftest import Sender
from tests.backend.world import Person, Phone, World


@dataclass
class House:
    """One building: what stands in it, by name, and the gateway that tells of it."""

    world: World
    admin: Person
    desk: Person
    gateway: Sender
    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World) -> "House":
        house = cls(world, world.person(Role.ADMIN), world.person(Role.DISPATCHER), Sender.of(world.machine("gateway")))
        house.build()
        return house

    def build(self) -> None:
        site = self.add("sites", "site", name="Rathaus", address="Marktplatz 1")
        building = self.add("buildings", "building", site=site, name="Rathaus Altbau")
        office = self.add("zones", "office", building=building, name="Zimmer 217", kind="office")
        entrance = self.add("zones", "entrance", building=building, name="Eingang", kind="entrance")
        for name in ("017", "018", "019"):
            self.add("points", name, zone=office, label=f"Platz {name}", kind="desk")
        self.add("points", "door", zone=entrance, label="Fluchttür", kind="escape_door")
        self.add("points", "plain", zone=entrance, label="Tür", kind="door")
        self.line("1234")

    def line(self, sender: str, **changes: Any) -> str:
        names = ("017", "018", "019", "door", "plain")
        given = {
            "gateway": self.gateway.machine.source,
            "protocol": "dc09",
            "sender": sender,
            "label": f"Zentrale {sender}",
            "building": self.ids["building"],
            "points": [{"name": name, "point": self.ids[name]} for name in names],
        } | changes
        return self.add("lines", f"line {sender}", **given)

    def add(self, what: str, as_: str, *, who: Person | None = None, **members: Any) -> str:
        answer = self.post(f"/v1/{what}", who or self.admin, id=str(uuid7()), **members)
        assert answer.status_code == 201, answer.text
        self.ids[as_] = answer.json()["id"]
        return self.ids[as_]

    def post(self, path: str, person: Person | None = None, /, **body: Any):
        headers = (person or self.desk).headers
        return self.world.http.post(path, json=body or None, headers=headers)

    def get(self, path: str, person: Person | None = None) -> dict[str, Any]:
        answer = self.world.http.get(path, headers=(person or self.desk).headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def board(self) -> dict[str, Any]:
        return self.get("/v1/desk/board")

    def alarms(self) -> list[dict[str, Any]]:
        return self.get("/v1/alarms")["alarms"]

    def tell(self, *bodies: dict[str, Any], kind: str = "signal.received") -> dict[str, Any]:
        """The gateway records these and sends them; the answer."""
        first = len(self.gateway.entries) + 1
        for body in bodies:
            self.gateway.entry(body, kind=kind, v=1)
        return self.gateway.send(first)


def signal(kind: str | None = "panic.silent", point: str | None = "017", **changes: Any) -> dict[str, Any]:
    """A body of `signal.received`; its key is its own unless it is given."""
    now = datetime.now(UTC)
    raw = f"{uuid7()}".encode()
    return {
        "protocol": "dc09",
        "raw": b64encode(raw).decode(),
        "received_at": format_instant(now - timedelta(milliseconds=5)),
        "sender": "1234",
        "point": point,
        "kind": kind,
        "code": "HA",
        "dedup": sha256(raw).hexdigest(),
    } | changes


@dataclass
class Patrol:
    """A unit with an officer on shift, an incident and a job."""

    phone: Phone
    unit: str
    shift: str
    incident: str
    job: str

    def answer(self, answer: str, **changes: Any) -> str:
        """The phone records a step of the job; the entry's id."""
        body = {"job": self.job, "answer": answer} | changes
        return self.record("job.answered", body)

    def record(self, kind: str, body: dict[str, Any], **changes: Any) -> str:
        whole = {"by": str(self.phone.officer.id)} | body
        fields = {
            "id": str(uuid7()),
            "kind": kind,
            "v": 1,
            "recorded_at": format_recorded_at(datetime.now(UTC), "Europe/Berlin"),
            "body": msgspec.json.encode(whole),
            "media": (),
        } | changes
        draft = Draft(**fields)
        self.phone.journal.append(draft)
        self.phone.client.drain(patience_s=0)
        return draft.id


def patrol(house: House) -> Patrol:
    """A unit on its way: the desk sent it a job."""
    phone = house.world.phone()
    phone.client.lease()
    unit = house.add("units", "unit", call_sign=f"Erle {uuid7().hex[-6:]}", who=house.desk)
    shift = house.post(f"/v1/units/{unit}/shifts", id=str(uuid7()), person=str(phone.officer.id)).json()["id"]
    incident = house.add("incidents", "incident", kind="noise", priority=3, place="Markt", who=house.desk)
    job = house.add("jobs", "job", incident=incident, unit=unit, text="Bitte nachsehen", who=house.desk)
    made = Patrol(phone, unit, shift, incident, job)
    made.record("emergency.raised", {"kind": "help", "place": {"lat": 51.45, "lon": 6.62}})
    return made
