"""The five answers, holds and who may do what with a clip (R1–R6, R11; rights table)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from backend.evidence.tables import ClipRow
from backend.fields import Role
from sync.entry import format_instant
from tests.backend.evidence.conftest import ANSWERS, Dock, Town, new_officer, records

HOLD = {"ground": "criminal_offence", "case_reference": "12 Js 345/26"}


def in_days(days: int) -> str:
    return str((datetime.now(UTC) + timedelta(days=days)).date())


def second_officer(town: Town):
    return new_officer(town.world, town.superior, town.admin, town.dock, "cam-2")[0]


# --- answers ---


def test_the_answers_set_class_and_deadline_with_the_rules_name(town: Town) -> None:
    clip = town.dock.bring()
    answer = town.answer(clip)
    assert 200 == answer.status_code, answer.text
    shown = answer.json()
    assert ("bodycam", "R1", 1, False) == (
        shown["clip_class"], shown["rule"], shown["answers_rev"], shown["is_held"],
    )  # fmt: skip
    kind, public = records(town, clip)[-1]
    assert ("clip.classified", "bodycam", "R1") == (kind, public["class"], public["rule"])
    assert public["delete_at"] == format_instant(town.row(clip).delete_at)
    assert ANSWERS["facts"] not in str(public), "nothing in words stands in what cannot be erased"


def test_the_same_answers_again_change_nothing(town: Town) -> None:
    clip = town.dock.bring()
    first, again = town.answer(clip), town.answer(clip)
    assert first.json() == again.json()
    assert ["clip.received", "clip.classified"] == [kind for kind, _ in records(town, clip)]


def test_answers_upon_others_answers_need_the_revision_that_stands(town: Town) -> None:
    clip = town.dock.bring()
    town.answer(clip)
    stale = town.answer(clip, town.custodian, place_kind="dwelling", decided_by="imminent_danger", decider="Schreie",
                        is_urgent_danger=True)  # fmt: skip
    assert (409, "stale_base") == (stale.status_code, stale.json()["code"])
    changed = town.answer(clip, town.custodian, place_kind="professional_secrecy", base=1)
    assert ("professional_secrecy", "R6") == (changed.json()["clip_class"], changed.json()["rule"])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"place_kind": "dwelling"}, "/decided_by"),
        ({"announced": "imminent_danger"}, "/announcement_note"),
        ({"facts": ""}, "/facts"),
        ({"ground": "because"}, "/ground"),
        ({"base": -1}, "/base"),
        ({"colour": "red"}, "/colour"),
        ({"keep": {"ground": "person_request", "case_reference": "x"}}, "/keep/ground"),
    ],
)
def test_answers_that_lack_something_name_it(town: Town, changes: dict, pointer: str) -> None:
    clip = town.dock.bring()
    answer = town.answer(clip, **changes)
    assert (400, pointer) == (answer.status_code, answer.json()["errors"][0]["pointer"])
    assert "unclassified" == town.row(clip).class_


def test_an_officer_answers_and_sees_own_clips_only(town: Town) -> None:
    clip, other = town.dock.bring(), second_officer(town)
    assert 404 == town.answer(clip, other).status_code
    assert 404 == town.get(other, f"/clips/{clip}").status_code
    assert 404 == town.post(other, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(9)}).status_code
    assert [] == town.get(other, "/clips").json()["clips"] == town.get(other, "/clips/board").json()["clips"]
    assert [str(clip)] == [one["id"] for one in town.get(town.officer, "/clips").json()["clips"]]


def test_the_phone_answers_as_the_screen_does_and_for_its_officer_only(town: Town) -> None:
    clip = town.dock.bring()
    phone = town.world.phone(town.officer)
    answers = {name: value for name, value in ANSWERS.items() if name != "base"}
    keep = {"ground": "criminal_offence", "case_reference": "Einsatz 17"}
    phone.record({"clip": str(clip), "answers": answers | {"keep": keep}, "base": 0}, kind="clip.classified")
    stranger = town.world.phone(second_officer(town))
    stranger.record({"clip": str(clip), "answers": answers}, kind="clip.classified")
    for one in (phone, stranger):
        one.client.drain(patience_s=0)
    assert None is phone.journal.verdict(1)
    assert "not_found" == stranger.journal.verdict(1).code
    row = town.row(clip)
    assert ("bodycam", 1, town.officer.id) == (row.class_, row.holds, row.answered_by)


def test_a_correction_stands_beside_the_start_and_moves_no_deadline(town: Town) -> None:
    clip = town.dock.bring()
    before = town.row(clip)
    data = {"started_at": format_instant(before.started_at - timedelta(hours=2)), "evidence": "Kirchturmuhr im Bild"}
    answer = town.post(town.custodian, f"/clips/{clip}/corrections", data)
    assert 200 == answer.status_code, answer.text
    after = town.row(clip)
    assert (before.started_at, before.delete_at) == (after.started_at, after.delete_at)
    kind, public = records(town, clip)[-1]
    assert ("clip.corrected", 7_200_000) == (kind, public["drift_ms"])


# --- holds ---


def test_a_hold_keeps_the_clip_and_is_recorded_without_its_case(town: Town) -> None:
    clip = town.dock.bring()
    answer = town.post(town.custodian, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(80), "note": "Zeuge fehlt"})
    assert 201 == answer.status_code, answer.text
    again = town.post(town.custodian, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(80)})
    assert answer.json() == again.json(), "the same ground and case again: the hold that stands"
    assert 1 == town.row(clip).holds
    kind, public = records(town, clip)[-1]
    assert ("hold.placed", "criminal_offence") == (kind, public["ground"])
    assert "345/26" not in str(public)
    (shown,) = town.get(town.custodian, f"/clips/{clip}").json()["holds"]
    assert (answer.json()["id"], "Zeuge fehlt") == (shown["id"], shown["note"])


def test_keep_as_evidence_is_a_hold(town: Town) -> None:
    clip = town.dock.bring()
    shown = town.answer(clip, keep={"ground": "regulatory_offence", "case_reference": "Auftrag 7"}).json()
    assert shown["is_held"]
    (hold,) = town.get(town.officer, f"/clips/{clip}").json()["holds"]
    assert ("regulatory_offence", in_days(90)) == (hold["ground"], hold["review_on"])


@pytest.mark.parametrize(("days", "status"), [(-1, 400), (0, 201), (90, 201), (92, 400)])
def test_a_review_is_at_most_ninety_days_ahead(town: Town, days: int, status: int) -> None:
    clip = town.dock.bring()
    answer = town.post(town.custodian, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(days)})
    assert status == answer.status_code, answer.text


def test_after_the_deadline_nobody_holds(town: Town) -> None:
    old = format_instant(datetime.now(UTC) - timedelta(days=15))
    clip = town.dock.bring(started_at=old)
    for who in (town.custodian, town.officer):
        answer = town.post(who, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(9)})
        assert (409, "deadline_passed") == (answer.status_code, answer.json()["code"])
    late = town.answer(clip, town.officer)
    assert (409, "deadline_passed") == (late.status_code, late.json()["code"])


def test_an_officer_sets_a_hold_and_never_releases_one(town: Town) -> None:
    clip = town.dock.bring()
    hold = town.post(town.officer, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(9)}).json()["id"]
    assert 403 == town.post(town.officer, f"/holds/{hold}/release", {"reason": "doch nicht"}).status_code
    assert 403 == town.post(town.officer, f"/holds/{hold}/review", {"review_on": in_days(9), "reason": "x"}).status_code
    released = town.post(town.custodian, f"/holds/{hold}/release", {"reason": "Verfahren eingestellt"})
    assert (200, "Verfahren eingestellt") == (released.status_code, released.json()["release_reason"])
    assert 404 == town.post(town.custodian, f"/holds/{hold}/release", {"reason": "x"}).status_code
    assert [0, "hold.released"] == [town.row(clip).holds, records(town, clip)[-1][0]]


def test_a_hold_that_was_looked_at_goes_on(town: Town) -> None:
    clip = town.dock.bring()
    hold = town.post(town.custodian, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(1)}).json()["id"]
    answer = town.post(town.custodian, f"/holds/{hold}/review", {"review_on": in_days(60), "reason": "läuft noch"})
    assert (200, in_days(60)) == (answer.status_code, answer.json()["review_on"])


def test_a_persons_request_is_the_data_protection_officers_and_released_by_a_second_one(town: Town) -> None:
    clip = town.dock.bring()
    request = {"ground": "person_request", "case_reference": "Antrag 3", "review_on": in_days(30)}
    for who in (town.custodian, town.officer):
        assert 403 == town.post(who, f"/clips/{clip}/holds", request).status_code
    assert 403 == town.post(town.dpo, f"/clips/{clip}/holds", request | {"ground": "criminal_offence"}).status_code
    hold = town.post(town.dpo, f"/clips/{clip}/holds", request).json()["id"]
    assert 403 == town.post(town.custodian, f"/holds/{hold}/release", {"reason": "x"}).status_code
    own = town.post(town.dpo, f"/holds/{hold}/release", {"reason": "x"})
    assert (403, "second_person_needed") == (own.status_code, own.json()["code"])
    second = town.world.person(Role.DPO)
    assert 200 == town.post(second, f"/holds/{hold}/release", {"reason": "geprüft, rechtmäßig"}).status_code


# --- cameras and certificates (R9, invariant 14) ---


def span(since_days: int, until_days: int) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "since": format_instant(now + timedelta(days=since_days)),
        "until": format_instant(now + timedelta(days=until_days)),
    }


def test_without_a_certificate_nobody_is_assigned_a_camera(town: Town) -> None:
    untrained = town.world.person(Role.OFFICER)
    path = f"/cameras/{town.camera}/assignments"
    answer = town.post(town.superior, path, {"person": str(untrained.id)} | span(40, 41))
    assert (409, "no_certificate") == (answer.status_code, answer.json()["code"])
    over = town.post(town.superior, path, {"person": str(town.officer.id)} | span(80, 95))
    assert (409, "no_certificate") == (over.status_code, over.json()["code"]), "it ends before the span does"


def test_the_database_itself_refuses_an_assignment_without_a_certificate(town: Town) -> None:
    insert = text(
        "INSERT INTO camera_assignment SELECT town, gen_random_uuid(), camera, person, certificate,"
        " since_at + interval '200 days', until_at + interval '200 days', assigned_by, assigned_at, NULL"
        " FROM camera_assignment LIMIT 1"
    )
    longer = text("UPDATE camera_assignment SET until_at = until_at + interval '200 days'")
    for statement in (insert, longer):
        with pytest.raises(Exception, match="no valid training certificate"), town.world.sessions.begin() as session:
            session.execute(statement)
    with pytest.raises(Exception, match="outlive the certificate"), town.world.sessions.begin() as session:
        session.execute(text("UPDATE training_certificate SET withdrawn_at = now(), withdrawn_by = recorded_by"))


def test_a_withdrawn_certificate_ends_its_assignments(town: Town) -> None:
    (certificate,) = town.get(town.officer, "/training-certificates").json()
    path = f"/v1/training-certificates/{certificate['id']}"
    answer = town.world.http.delete(path, headers=town.superior.headers)
    assert 200 == answer.status_code, answer.text
    assert [] == town.get(town.superior, "/camera-assignments").json()
    late = town.dock.record(b"x", number=5, started_at=format_instant(datetime.now(UTC)))
    assert town.row(late).officer is None


def test_one_camera_is_nobodys_second_in_the_same_span(town: Town) -> None:
    other = second_officer(town)
    path = f"/cameras/{town.camera}/assignments"
    taken = town.post(town.superior, path, {"person": str(other.id)} | span(1, 2))
    assert (409, "camera_taken") == (taken.status_code, taken.json()["code"])
    (standing,) = town.get(town.officer, "/camera-assignments").json()
    assert 200 == town.post(town.superior, f"/camera-assignments/{standing['id']}/end").status_code
    assert 201 == town.post(town.superior, path, {"person": str(other.id)} | span(1, 2)).status_code


def test_an_unconfirmed_camera_is_not_assigned(town: Town) -> None:
    town.dock.record(camera="cam-9")
    (camera,) = [one for one in town.get(town.admin, "/cameras").json() if one["pseudonym"] == "cam-9"]
    answer = town.post(
        town.superior, f"/cameras/{camera['id']}/assignments", {"person": str(town.officer.id)} | span(0, 1)
    )
    assert (409, "camera_unconfirmed") == (answer.status_code, answer.json()["code"])


def test_the_staff_council_sees_clips_without_names(town: Town) -> None:
    town.dock.bring()
    council = town.world.person(Role.STAFF_COUNCIL)
    (shown,) = town.get(council, "/clips").json()["clips"]
    assert shown["officer"] is None


def test_a_clerk_and_a_prosecutor_see_no_clip_that_is_in_no_case_of_theirs(town: Town) -> None:
    clip = town.dock.bring()
    for role in (Role.CLERK, Role.PROSECUTOR):
        who = town.world.person(role)
        assert [] == town.get(who, "/clips").json()["clips"]
        assert 404 == town.get(who, f"/clips/{clip}").status_code
        assert 404 == town.post(who, f"/clips/{clip}/views", {"reason": "x"}).status_code


def test_pages_of_clips_follow_each_other(town: Town) -> None:
    clips = [town.dock.record(f"{n}".encode(), number=n) for n in range(5)]
    seen, after = [], None
    for _ in range(3):
        params = {"limit": 2} | ({"after": after} if after else {})
        page = town.get(town.custodian, "/clips", params=params).json()
        seen += [one["id"] for one in page["clips"]]
        after = page["after"]
    assert [str(one) for one in reversed(clips)] == seen
    assert after is None
    assert 400 == town.get(town.custodian, "/clips", params={"after": "nonsense"}).status_code


def test_another_town_sees_no_clip(town: Town, other) -> None:
    clip = town.dock.bring()
    custodian = other.person(Role.CUSTODIAN)
    assert 404 == town.get(custodian, f"/clips/{clip}").status_code
    with other.sessions.begin() as session:
        assert [] == session.scalars(select(ClipRow)).all()


def test_a_camera_that_another_dock_brings_is_the_same_camera(town: Town) -> None:
    second = Dock.of(town.world)
    clip = second.record(b"x", number=7)
    assert town.officer.id == town.row(clip).officer
