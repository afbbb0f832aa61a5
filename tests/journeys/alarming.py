"""A control room on a running server, and a real gateway enrolled at it by a code, for journeys and benchmarks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from backend.fields import Role, uuid7
from backend.identity import service as identity
from backend.identity.wire import NewPerson
from backend.local.panels import Panel
from tests.backend.gateway.running import Running as Gateway
from tests.benchmarks.running import PASSWORD, Running


@dataclass
class Room:
    """A building with panels at one gateway, set up over HTTP as an administrator does."""

    server: Running
    admin: httpx.Client
    desk: httpx.Client
    building: str
    lines: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, server: Running) -> "Room":
        admin, desk = signed_in(server, Role.ADMIN), signed_in(server, Role.DISPATCHER)
        site = add(admin, "sites", name="Rathaus", address="Marktplatz 1")
        return cls(server, admin, desk, add(admin, "buildings", site=site, name="Rathaus Altbau"))

    def gateway(self, folder: Path, **options: Any) -> Gateway:
        """A gateway that enrols at its first start here."""
        answer = self.admin.post("/v1/enrolments", json={"kind": "gateway", "label": "Rathaus"})
        assert answer.status_code == 201, answer.text
        return Gateway.start(folder, server=self.server.address, code=answer.json()["code"], **options)

    def expect(self, gateway: Gateway, panels: Sequence[Panel], **changes: Any) -> None:
        """The gateway is told of these panels' lines, as rows of its scope."""
        for panel in panels:
            self.lines[panel.account] = add(
                self.admin,
                "lines",
                gateway=gateway.said[-1]["source"],
                protocol="dc09",
                sender=panel.account,
                label=f"Zentrale {panel.account}",
                building=self.building,
                keys=[panel.key.hex()] if panel.key else [],
                **changes,
            )

    def alarms(self) -> list[dict[str, Any]]:
        """The open alarms, as the desk sees them."""
        return list(self.desk.get("/v1/alarms").raise_for_status().json()["alarms"])

    def told(self) -> Counter[tuple[str, str]]:
        """How often each spot's alarm of a known line was told."""
        return Counter({(one["spot"], one["kind"]): one["count"] for one in self.alarms() if one["line"]})


def add(admin: httpx.Client, what: str, **members: Any) -> str:
    """The new thing's id."""
    answer = admin.post(f"/v1/{what}", json={"id": str(uuid7()), **members})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def signed_in(server: Running, role: Role) -> httpx.Client:
    """A new person with this role at a screen."""
    login = f"{role.value}-{uuid7().hex[-8:]}"
    with server.sessions.begin() as session:
        data = NewPerson(login=login, name=login, call_sign=login, password=PASSWORD)
        person = identity.add_person(session, None, data, now=datetime.now(UTC)).id
        identity.grant_role(session, None, person, role, now=datetime.now(UTC))
    http = httpx.Client(base_url=server.address, timeout=30)
    answer = http.post("/v1/session", json={"login": login, "password": PASSWORD, "town": "messung"})
    assert answer.status_code < 300, answer.text
    return http
