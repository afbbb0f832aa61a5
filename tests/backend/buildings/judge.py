"""Plays the rules without a database: holds what stands, as `receiving` does in a transaction."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from backend.buildings import rules
from backend.buildings.meanings import Heard, Where
from backend.buildings.rules import Past, Standing
from backend.buildings.wire import Alarm
from backend.machines import REFUSED, STAYS


class Happened(NamedTuple):
    what: str
    alarm: UUID
    closed_by: str = ""


class Judge:
    """One building with a few points."""

    def __init__(self, building: UUID, line: UUID) -> None:
        self.building, self.line = building, line
        self.alarms: dict[tuple[str, str], Alarm] = {}
        self.closed: list[Alarm] = []
        self.incidents: list[Past] = []
        self.log: list[Happened] = []
        self.lowered: list[Alarm] = []
        self.newest: Heard | None = None

    def hear(self, heard: Heard, point: str | None) -> None:
        self.newest = heard
        spot = f"point:{point}" if point else "line:1"
        where = Where(
            spot=spot, sender_spot="line:1", place="x", line=self.line, building=self.building, point_kind="desk"
        )
        ruled = rules.decide(heard, where, Standing(alarms=self.alarms, incidents=self.incidents, unknown={}))
        incident = None
        if ruled.opens is not None:
            incident = UUID(int=heard.id.int + 2)
            self.incidents.append(
                Past(id=incident, building=self.building, happened_at=ruled.alarms[0].last_at, is_open=True)
            )
        for index, alarm in enumerate(ruled.alarms):
            self._keep(replace(alarm, incident=incident) if incident is not None and index == 0 else alarm)
        if incident is not None:
            for alarm in [one for one in self.alarms.values() if rules.attaches(one, ruled.alarms[0])]:
                self._keep(replace(alarm, incident=incident))
        self.log.append(Happened(ruled.outcome, heard.id))

    def _keep(self, alarm: Alarm) -> None:
        before = self.alarms.get((alarm.spot, alarm.kind))
        if before is not None and alarm.priority > before.priority:
            self.lowered.append(alarm)
        if alarm.state == "closed":
            self.log.append(Happened("closed", alarm.id, "machine"))
        self.alarms[alarm.spot, alarm.kind] = alarm

    def act(self, what: str) -> None:
        """A person, or the clock, does something about the first alarm that stands."""
        if not self.alarms or not what or self.newest is None:
            return
        key = min(self.alarms)
        alarm = self.alarms[key]
        if what == "due":
            self._keep(rules.due(alarm, self.newest.admitted_at + timedelta(minutes=3))[0])
            return
        step = rules.ALARM.step(alarm.state, what, {"p1"} if alarm.priority == 1 else set())
        if step.state in (STAYS, REFUSED):
            return
        if step.state == "closed":
            self.closed.append(replace(self.alarms.pop(key), state="closed"))
            self.log.append(Happened("closed", alarm.id, "person"))
        else:
            self.alarms[key] = replace(alarm, state=step.state)
