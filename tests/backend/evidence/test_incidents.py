"""The control room learns that clips of an incident exist and are held, and nothing else (invariant 13)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from backend.fields import Role, uuid7
from sync.entry import format_instant
from tests.backend.evidence.conftest import Town, make_town
from tests.backend.world import Person, World

KEEP = {"ground": "regulatory_offence", "case_reference": "OWI-2026-0412"}


class Desk:
    """A dispatcher, a unit with the officer who wears the camera, and an incident to which the unit was sent."""

    def __init__(self, town: Town) -> None:
        self.town, self.dispatcher = town, town.world.person(Role.DISPATCHER)
        self.unit = self.made("/units", call_sign="Erle 22")
        self.shift = self.made(f"/units/{self.unit}/shifts", person=str(town.officer.id))
        self.incident = self.made("/incidents", kind="noise", priority=3, place="Markt")
        self.sent_at = datetime.now(UTC)
        self.job = self.made("/jobs", incident=self.incident, unit=self.unit)

    def made(self, path: str, **members: Any) -> str:
        answer = self.post(path, id=str(uuid7()), **members)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def post(self, path: str, **members: Any) -> Any:
        return self.town.post(self.dispatcher, path, members or None)

    def counts(self, incident: str | None = None) -> tuple[int, int, int]:
        """Clips, arrived ones, held ones."""
        answer = self.town.get(self.dispatcher, f"/incidents/{incident or self.incident}/clips")
        assert answer.status_code == 200, answer.text
        assert {"clips", "arrived", "held"} == set(answer.json())
        return answer.json()["clips"], answer.json()["arrived"], answer.json()["held"]

    def clip(self, begun: timedelta, number: int = 1, **members: Any) -> UUID:
        """A clip of 12 s that began so long after the job was sent, on the server."""
        now = self.sent_at + begun
        at = {"started_at": format_instant(now), "docked_at": format_instant(now + timedelta(minutes=5))}
        return self.town.dock.bring(f"film {number}".encode(), number=number, **at | members)


@pytest.fixture
def desk(town: Town) -> Desk:
    return Desk(town)


def test_a_clip_recorded_during_the_job_counts_first_as_coming_then_as_there_then_as_held(desk: Desk) -> None:
    assert (0, 0, 0) == desk.counts()
    clip = desk.town.dock.record(started_at=format_instant(datetime.now(UTC)))
    assert (1, 0, 0) == desk.counts()
    desk.town.dock.upload(clip)
    assert (1, 1, 0) == desk.counts()
    assert desk.town.answer(clip, keep=KEEP).status_code == 200
    assert (1, 1, 1) == desk.counts()


@pytest.mark.parametrize(
    ("begun_s", "counts"),
    [(-3600, False), (-13, False), (-11, True), (0, True), (3600, True)],
)
def test_a_clip_counts_from_the_moment_the_job_was_sent(desk: Desk, begun_s: int, counts: bool) -> None:
    desk.clip(timedelta(seconds=begun_s))
    assert (int(counts), int(counts), 0) == desk.counts()


def test_a_clip_begun_after_the_job_had_ended_does_not_count(desk: Desk) -> None:
    assert desk.post(f"/jobs/{desk.job}/withdraw").status_code == 200
    desk.clip(timedelta(seconds=1), number=1, started_at=format_instant(desk.sent_at))
    assert (1, 1, 0) == desk.counts()
    desk.clip(timedelta(minutes=10), number=2)
    assert (1, 1, 0) == desk.counts()


def test_a_clip_of_unknown_length_counts_by_its_begin(desk: Desk) -> None:
    desk.clip(timedelta(seconds=-5), number=1, duration_ms=None)
    assert (0, 0, 0) == desk.counts()
    desk.clip(timedelta(seconds=5), number=2, duration_ms=None)
    assert (1, 1, 0) == desk.counts()


def test_a_clip_of_somebody_who_was_elsewhere_does_not_count(desk: Desk) -> None:
    other = desk.made("/incidents", kind="noise", priority=3, place="Bahnhof")
    desk.clip(timedelta(seconds=5))
    assert (0, 0, 0) == desk.counts(other)
    assert (1, 1, 0) == desk.counts()


def test_a_clip_of_an_officer_who_called_for_help_counts_without_a_job(desk: Desk) -> None:
    notice = {"id": str(uuid7()), "kind": "help"}
    raised = desk.town.post(desk.town.officer, "/emergencies", notice)
    assert raised.status_code in (200, 201), raised.text
    desk.clip(timedelta(minutes=1))
    assert (1, 1, 0) == desk.counts(raised.json()["incident"])


def test_what_two_docks_brought_counts_once(desk: Desk) -> None:
    first = desk.clip(timedelta(seconds=5))
    at = {"started_at": format_instant(desk.sent_at + timedelta(seconds=5))}
    other = type(desk.town.dock).of(desk.town.world)
    second = other.bring(b"film 1", number=1, **at)
    assert (None, first) == (desk.town.row(first).duplicate_of, desk.town.row(second).duplicate_of)
    assert (1, 1, 0) == desk.counts()


def test_a_deleted_clip_counts_no_more(desk: Desk) -> None:
    desk.clip(timedelta(seconds=5))
    assert desk.town.delete_due(datetime.now(UTC) + timedelta(days=16)) == 1
    assert (0, 0, 0) == desk.counts()


def test_an_incident_of_another_town_or_of_none_is_not_found(desk: Desk, other: World) -> None:
    theirs = Desk(make_town(other))
    for incident in (theirs.incident, str(uuid7())):
        answer = desk.town.get(desk.dispatcher, f"/incidents/{incident}/clips")
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("role", [Role.OFFICER, Role.CUSTODIAN, Role.CLERK, Role.PROSECUTOR, Role.ADMIN])
def test_only_the_control_room_and_superiors_ask_by_incident(desk: Desk, role: Role) -> None:
    person: Person = desk.town.world.person(role)
    answer = desk.town.get(person, f"/incidents/{desk.incident}/clips")
    assert (403, "not_allowed") == (answer.status_code, answer.json()["code"])


def test_a_dispatcher_reads_no_clip_however_well_they_know_its_id(desk: Desk) -> None:
    clip = desk.clip(timedelta(seconds=5))
    for path in (f"/clips/{clip}", f"/clips/{clip}/footage", "/clips", f"/clips/{clip}/custody"):
        assert desk.town.get(desk.dispatcher, path).status_code == 403, path
