"""A building with desks, and patrols, on the running server: what a control room's screen shows."""

from functools import partial
from typing import Any

import httpx

from backend.fields import Role, uuid7
from tests.backend.buildings.house import House, signal
from tests.backend.web.conftest import Town
from tests.backend.world import World

__all__ = ["Desk", "signal"]


class _ToServer(httpx.HTTPTransport):
    """Every request goes to the running server, whatever host it names."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = httpx.URL(address)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(
            scheme=self._address.scheme, host=self._address.host, port=self._address.port
        )
        return super().handle_request(request)


class Desk:
    """One building at one gateway; what is told here appears on the screens of the town."""

    def __init__(self, town: Town) -> None:
        running = town.running
        http: Any = httpx.Client(transport=_ToServer(running.address), base_url=running.address, timeout=20)
        self.world = World(http, running.server, running.town, "messung", running.folder)
        self.house = House.of(self.world)

    def patrol(self, call_sign: str, *, mode: str = "foot", code: str = "1", crew: int = 2) -> str:
        """A unit on duty; its id."""
        unit = self.post("/v1/units", id=str(uuid7()), call_sign=call_sign, mode=mode)["id"]
        for _ in range(crew):
            self.post(f"/v1/units/{unit}/shifts", id=str(uuid7()), person=str(self.world.person(Role.OFFICER).id))
        self.post(f"/v1/units/{unit}/status", id=str(uuid7()), code=code)
        return unit

    def incident(self, kind: str, place: str, priority: int = 4) -> dict[str, Any]:
        return self.post("/v1/incidents", id=str(uuid7()), kind=kind, place=place, priority=priority)

    def tell(self, kind: str = "panic.silent", point: str | None = "017", **changes: Any) -> None:
        """The gateway tells a signal."""
        self.house.tell(signal(kind, point, **changes))

    def alarm(self, **wanted: Any) -> dict[str, Any]:
        """The newest open alarm with these members."""
        found = [one for one in self.house.alarms() if all(one[name] == value for name, value in wanted.items())]
        return max(found, key=lambda one: one["raised_at"])

    def emergency(self, kind: str = "help") -> str:
        """An officer's call for help; the emergency's id."""
        officer = self.world.person(Role.OFFICER)
        answer = self.house.post("/v1/emergencies", officer, id=str(uuid7()), kind=kind)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def clear(self) -> None:
        """Every emergency, alarm and incident is over, as a dispatcher ends them."""
        for emergency in self.house.get("/v1/alarms")["emergencies"]:
            for step in ("accept", "safe", "close"):
                self.house.post(f"/v1/emergencies/{emergency['id']}/steps", None, step=step)
        for alarm in self.house.alarms():
            if alarm["state"] in ("raised", "returned_unaccepted", "shelved"):
                self.post(f"/v1/alarms/{alarm['id']}/accept")
            self.post(f"/v1/alarms/{alarm['id']}/close", disposition="test")
        for incident in self.house.board()["incidents"]:
            step = partial(self.post, f"/v1/incidents/{incident['id']}/accept")
            if incident["state"] == "new":
                step()
            self.post(f"/v1/incidents/{incident['id']}/resolve")
            self.post(f"/v1/incidents/{incident['id']}/close", disposition="test")

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.house.post(path, None, **body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()
