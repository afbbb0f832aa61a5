"""From a prosecutor's request to the package: two people, a record for each step, and a verifier that agrees."""

import threading
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import json
from sqlalchemy import select

from backend import sweeps
from backend.db import sessions_of
from backend.evidence import cases, exporting, package, verify
from backend.evidence.export_tables import ExportRow
from backend.evidence.tables import ClipMediaRow
from backend.feed.tables import FeedRow
from backend.fields import Role
from backend.identity.tables import TownRow
from backend.log import service as log
from backend.log.tables import RecordRow
from backend.media.tables import MediaRow
from sync.entry import format_instant
from tests.backend.evidence.conftest import Town
from tests.backend.world import Person

pytestmark = pytest.mark.slow

STATES = ["requested", "approved", "built", "built", "gone"]
KEEP = {"keep": {"ground": "criminal_offence", "case_reference": "12 Js 345/26"}}


@pytest.fixture
def second(town: Town) -> Person:
    return town.world.person(Role.CUSTODIAN)


def open_case(town: Town, **changes: Any) -> str:
    answer = town.post(town.custodian, "/cases", {"aktenzeichen": "12 Js 345/26", "ground": "§ 69 OWiG"} | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def ask(town: Town, *clips: UUID, case: str | None = None):
    body = {"recipient": "Staatsanwaltschaft Kleve", "clips": [str(clip) for clip in clips]}
    return town.post(town.custodian, f"/cases/{case or open_case(town)}/exports", body)


def approved(town: Town, second: Person, *clips: UUID) -> str:
    answer = ask(town, *clips)
    assert answer.status_code == 201, answer.text
    export = answer.json()["id"]
    answer = town.post(second, f"/exports/{export}/approve")
    assert (answer.status_code, answer.json()["state"]) == (200, "approved"), answer.text
    return export


def sweep(town: Town, *, now: datetime | None = None) -> int:
    """The log's sweep and then that of exports, as the worker runs them."""
    server = town.world.server
    sweeps.number_log(server, datetime.now(UTC))
    wait_for_checkpoint(town)
    return sweeps.build_exports(server, now or datetime.now(UTC))


def wait_for_checkpoint(town: Town) -> None:
    """Checkpoints come at most once a second: sign what stands, as if that second were over."""
    server = town.world.server
    with town.world.sessions.begin() as session:
        domain = session.scalars(select(TownRow.domain)).one()
        log.publish(session, server.log_keys, domain, now=datetime.now(UTC) + timedelta(seconds=5))


def export_of(town: Town, id: str) -> dict[str, Any]:
    answer = town.get(town.custodian, f"/exports/{id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def built(town: Town, second: Person, folder: Path, *clips: UUID) -> tuple[dict[str, Any], Path]:
    """The package of these clips as the requester downloads it."""
    id_ = approved(town, second, *clips)
    sweep(town)  # the first one states the town's keys, and waits for them in the log
    sweep(town)
    told = export_of(town, id_)
    assert told["state"] == "built", told
    answer = town.get(town.custodian, f"/exports/{id_}/package")
    assert answer.status_code == 200, answer.text
    path = folder / f"{id_}.zip"
    path.write_bytes(answer.content)
    assert (len(answer.content), answer.headers["cache-control"]) == (told["size_bytes"], "no-store")
    return told, path


def codes(path: Path, root: str) -> list[tuple[str, str]]:
    return [(one.code, one.place) for one in verify.verify(path, root=root).findings]


def bring(town: Town, data: bytes, *, number: int = 1) -> UUID:
    """A clip that begins two minutes after the one before."""
    started_at = format_instant(datetime.now(UTC) - timedelta(minutes=60 - 2 * number))
    return town.dock.bring(data, number=number, started_at=started_at)


def kept(town: Town, data: bytes, **members: Any) -> UUID:
    """A clip that its officer keeps as evidence."""
    clip = bring(town, data, **members)
    answer = town.answer(clip, **KEEP)
    assert answer.status_code == 200, answer.text
    return clip


def test_an_export_of_two_clips_verifies_against_the_fingerprint(town: Town, second: Person, tmp_path: Path) -> None:
    one = kept(town, Random(1).randbytes(5_000_000), number=1)
    two = kept(town, b"second", number=2)
    told, path = built(town, second, tmp_path, two, one)
    answer = verify.verify(path, root=told["root"])
    assert (answer.verdict, answer.findings) == ("green", []), answer
    assert answer.root == town.world.server.root_key(town.world.town).spki_sha256.hex()
    assert [(item["clip"], item["outcome"]) for item in told["items"]] == [
        (str(two), "original"),
        (str(one), "original"),
    ]
    assert codes(path, "00" * 32) == [("root_key_unknown", verify.KEYS)]


def test_gaps_and_clips_between_are_shown_and_their_content_is_not(town: Town, second: Person, tmp_path: Path) -> None:
    first = kept(town, b"first", number=1)
    between = bring(town, b"marker-7f3a", number=2)
    town.dock.send("clip.gap", {"camera": "cam-1", "first": 3, "last": 4, "cause": "overwritten"})
    late = bring(town, b"late", number=4)
    town.dock.send("clip.gap_filled", {"camera": "cam-1", "camera_seq": 4})
    last = kept(town, b"last", number=5)
    told, path = built(town, second, tmp_path, first, last)
    assert codes(path, told["root"]) == []
    data = path.read_bytes()
    assert str(between).encode() in data
    assert str(late).encode() in data
    assert b"MOV_0002" not in data
    assert b"marker-7f3a" not in data


def test_a_byte_of_a_stored_clip_changed_by_hand_is_named_by_the_next_export(
    town: Town, second: Person, tmp_path: Path
) -> None:
    good, bad = kept(town, b"good", number=1), kept(town, Random(2).randbytes(9_000_000), number=2)
    with town.world.sessions.begin() as session:
        media = session.scalars(select(ClipMediaRow.media).where(ClipMediaRow.clip == bad)).one()
        object_ = session.scalars(select(MediaRow.object).where(MediaRow.id == media)).one()
    stored = town.world.server.receiver.folder._path(object_)
    content = bytearray(stored.read_bytes())
    content[5_000_000] ^= 1
    stored.write_bytes(content)
    told, path = built(town, second, tmp_path, good, bad)
    answer = verify.verify(path, root=told["root"])
    assert (answer.verdict, [(one.code, one.place, one.detail) for one in answer.findings]) == (
        "red",
        [("original_changed", f"data/originale/002_{bad}.mp4", "Abschnitt 2")],
    )


def test_a_stored_clip_that_was_cut_fails_the_export_and_tells_a_custodian(town: Town, second: Person) -> None:
    clip = kept(town, b"some film", number=1)
    with town.world.sessions.begin() as session:
        media = session.scalars(select(ClipMediaRow.media).where(ClipMediaRow.clip == clip)).one()
        object_ = session.scalars(select(MediaRow.object).where(MediaRow.id == media)).one()
    town.world.server.receiver.folder._path(object_).write_bytes(b"some")
    id_ = approved(town, second, clip)
    sweep(town)
    sweep(town)
    told = export_of(town, id_)
    assert (told["state"], told["problem"]) == ("failed", "file_damaged")
    assert ("evidence", "export_failed") in town.tasks()
    assert list(town.world.server.packages.glob(f"{id_}*")) == []


def test_a_lawfully_deleted_clip_is_shown_as_deleted(town: Town, second: Person, tmp_path: Path) -> None:
    stays = kept(town, b"stays", number=1)
    goes = bring(town, b"marker-81cc", number=2)
    assert town.answer(goes).status_code == 200
    export = approved(town, second, stays, goes)
    due = town.row(goes).delete_at + timedelta(minutes=5)
    assert town.delete_due(due) >= 1
    sweep(town, now=due)
    sweep(town, now=due)
    told = export_of(town, export)
    assert [item["outcome"] for item in told["items"]] == ["original", "deleted"]
    path = cases.package_path(town.world.server.packages, UUID(export))
    answer = verify.verify(path, root=told["root"])
    assert (answer.verdict, answer.findings) == ("green", [])
    assert "Rechtmäßig gelöscht" in answer.items[0]
    assert b"marker-81cc" not in path.read_bytes()


def test_a_later_export_proves_that_the_log_extends_the_earlier_one(town: Town, second: Person, tmp_path: Path) -> None:
    one = kept(town, b"one", number=1)
    told, first = built(town, second, tmp_path, one)
    two = kept(town, b"two", number=2)
    _, later = built(town, second, tmp_path, one, two)
    with zipfile.ZipFile(first) as file:
        name = next(name for name in file.namelist() if name.endswith(verify.CHECKPOINT))
        held = file.read(name)
    answer = verify.verify(later, root=told["root"], older=[held])
    assert (answer.verdict, answer.findings) == ("green", [])


# ---- who may


def test_whoever_asked_does_not_approve(town: Town) -> None:
    export = ask(town, kept(town, b"x")).json()["id"]
    answer = town.post(town.custodian, f"/exports/{export}/approve")
    assert (answer.status_code, answer.json()["code"]) == (403, "own_approval"), answer.text
    sweep(town)
    assert export_of(town, export)["state"] == "requested"


def test_superiors_and_data_protection_may_approve_and_then_take_the_package(town: Town) -> None:
    clip = kept(town, b"x")
    for who in (town.superior, town.dpo):
        export = approved(town, who, clip)
        sweep(town)
        sweep(town)
        assert town.get(who, f"/exports/{export}/package").status_code == 200


def test_nobody_else_takes_the_package(town: Town, second: Person, tmp_path: Path) -> None:
    told, _ = built(town, second, tmp_path, kept(town, b"x"))
    for who in (town.superior, town.world.person(Role.CUSTODIAN)):
        answer = town.get(who, f"/exports/{told['id']}/package")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_each_step_is_recorded_and_signed_and_the_download_before_its_first_byte(
    town: Town, second: Person, tmp_path: Path
) -> None:
    told, _ = built(town, second, tmp_path, kept(town, b"x"))
    assert town.get(second, f"/exports/{told['id']}/package").status_code == 200
    with town.world.sessions.begin() as session:
        rows = session.scalars(select(RecordRow).where(RecordRow.subject == told["id"]).order_by(RecordRow.position))
        found = [(row.kind, row.signature is not None) for row in rows]
        assert b"Staatsanwaltschaft" not in b"".join(session.scalars(select(RecordRow.public)))
        assert b"345/26" not in b"".join(session.scalars(select(RecordRow.public)))
    kinds = ["requested", "approved", "built", "delivered", "delivered"]
    assert found == [(f"export.{kind}", True) for kind in kinds]


def test_no_package_yet_is_said(town: Town, second: Person) -> None:
    export = approved(town, second, kept(town, b"x"))
    answer = town.get(town.custodian, f"/exports/{export}/package")
    assert (answer.status_code, answer.json()["code"]) == (409, "export_not_built")


# ---- what is refused


def test_unclassified_and_unreceived_clips_are_refused_by_name(town: Town) -> None:
    case = open_case(town)
    raw, unsent = bring(town, b"raw", number=1), town.dock.record(b"unsent", number=2)
    assert town.answer(unsent).status_code == 200
    for n, (clip, code) in enumerate([(raw, "unclassified"), (unsent, "awaiting_media")]):
        answer = ask(town, *[kept(town, b"ok%d" % m, number=10 + 5 * n + m) for m in range(n)], clip, case=case)
        assert answer.json()["code"] == code, answer.text
        assert answer.json()["errors"][0]["pointer"] == f"/clips/{n}"
    with town.world.sessions.begin() as session:
        assert session.scalars(select(ExportRow)).all() == []


def test_bad_requests_name_their_field(town: Town) -> None:
    case, clip = open_case(town), kept(town, b"x")
    assert ask(town, clip, clip, case=case).json()["errors"][0]["pointer"] == "/clips"
    assert ask(town, clip, uuid4(), case=case).json()["errors"][0]["pointer"] == "/clips/1"
    assert ask(town, clip, case=str(uuid4())).status_code == 404
    assert ask(town, case=case).status_code == 400
    assert town.post(town.custodian, f"/exports/{uuid4()}/approve").status_code == 404
    assert town.get(town.custodian, f"/exports/{uuid4()}/package").status_code == 404


def test_the_same_case_again_is_the_one_that_is_open_and_with_another_ground_a_conflict(town: Town) -> None:
    assert open_case(town) == open_case(town)
    answer = town.post(town.custodian, "/cases", {"aktenzeichen": "12 Js 345/26", "ground": "anderer"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


def test_a_clip_that_closed_since_the_approval_is_withheld_and_said_so(
    town: Town, second: Person, tmp_path: Path
) -> None:
    stays, closes = kept(town, b"stays", number=1), kept(town, b"marker-55e0", number=2)
    export = approved(town, second, stays, closes)
    answer = town.answer(closes, place_kind="professional_secrecy", base=1, **KEEP)
    assert answer.status_code == 200, answer.text
    sweep(town)
    sweep(town)
    told = export_of(town, export)
    assert [item["outcome"] for item in told["items"]] == ["original", "withheld"]
    path = cases.package_path(town.world.server.packages, UUID(export))
    assert codes(path, told["root"]) == [("item_not_included", str(closes))]
    assert b"marker-55e0" not in path.read_bytes()


# ---- faults


class Killed(BaseException):
    """The process is gone here."""


@pytest.mark.parametrize("where", ["gathered", "written", "recorded", "named"])
def test_a_build_killed_anywhere_starts_again_and_is_built_once(
    town: Town, second: Person, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = approved(town, second, kept(town, b"film"))
    sweep(town)
    sweeps.number_log(town.world.server, datetime.now(UTC))
    wait_for_checkpoint(town)

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    target = {
        "gathered": (package, "begin"), "written": (exporting, "_lock"), "recorded": (package, "finish"),
        "named": (exporting, "_built"),
    }[where]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(*target, die)
        with pytest.raises(Killed):
            sweeps.build_exports(town.world.server, datetime.now(UTC))
    assert export_of(town, export)["state"] == "approved"
    assert town.get(town.custodian, f"/exports/{export}/package").status_code == 409
    sweep(town)
    told = export_of(town, export)
    assert told["state"] == "built"
    assert codes(cases.package_path(town.world.server.packages, UUID(export)), told["root"]) == []
    with town.world.sessions.begin() as session:
        kinds = session.scalars(select(RecordRow.kind).where(RecordRow.subject == export)).all()
    assert kinds.count("export.built") == 1


def test_two_builds_at_once_make_one_package(town: Town, second: Person) -> None:
    export = approved(town, second, kept(town, b"film"))
    sweep(town)
    sweeps.number_log(town.world.server, datetime.now(UTC))
    wait_for_checkpoint(town)
    server, results = town.world.server, []
    sessions = sessions_of(server.engine, town.world.town)

    def build() -> None:
        results.append(
            exporting.build(
                sessions, server.receiver.folder, server.packages, UUID(export), server.root(town.world.town),
                server.record_key, now=datetime.now(UTC),
            )
        )  # fmt: skip

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == [False, False, False, True]
    assert codes(cases.package_path(server.packages, UUID(export)), export_of(town, export)["root"]) == []


def expired(town: Town, now: datetime) -> int:
    with town.world.sessions.begin() as session:
        return exporting.expire(session, town.world.server.packages, now=now)


def test_our_copy_goes_thirty_days_after_the_first_download(town: Town, second: Person, tmp_path: Path) -> None:
    told, _ = built(town, second, tmp_path, kept(town, b"film"))
    path = cases.package_path(town.world.server.packages, UUID(told["id"]))
    delivered = datetime.fromisoformat(export_of(town, told["id"])["delivered_at"])
    assert expired(town, delivered + timedelta(days=30)) == 0
    assert path.exists()
    assert expired(town, delivered + timedelta(days=30, seconds=1)) == 1
    assert not path.exists()
    assert town.get(town.custodian, f"/exports/{told['id']}/package").json()["code"] == "package_gone"


def test_our_copy_does_not_outlive_the_original(town: Town, second: Person, tmp_path: Path) -> None:
    clip = bring(town, b"film")
    assert town.answer(clip).status_code == 200
    told, _ = built(town, second, tmp_path, clip)
    due = town.row(clip).delete_at + timedelta(minutes=5)
    assert town.delete_due(due) >= 1
    assert expired(town, due) == 1
    assert not cases.package_path(town.world.server.packages, UUID(told["id"])).exists()


def test_what_killed_builds_left_is_swept_up(town: Town) -> None:
    folder = town.world.server.packages
    folder.mkdir(exist_ok=True)
    part = folder / f"{uuid4()}.{'0' * 16}.part"
    part.write_bytes(b"x")
    sweeps.expire_exports(town.world.server, datetime.now(UTC))
    assert part.exists()
    sweeps.expire_exports(town.world.server, datetime.now(UTC) + sweeps.LEFT_OVER + timedelta(seconds=5))
    assert not part.exists()


def test_all_who_may_approve_see_each_step_of_an_export_on_their_screens(
    town: Town, second: Person, tmp_path: Path
) -> None:
    told, _ = built(town, second, tmp_path, kept(town, b"one film"))
    id_ = UUID(told["id"])
    listed = town.get(town.superior, "/exports").json()
    assert [told["id"]] == [one["id"] for one in listed["exports"]]
    assert listed["after"] is None
    assert export_of(town, told["id"]) == listed["exports"][0]
    assert listed["exports"] == town.get(town.dpo, "/clips/board").json()["exports"]
    assert town.get(town.officer, "/clips/board").json()["exports"] == []
    assert expired(town, datetime.now(UTC) + timedelta(days=31)) == 1
    with town.world.sessions.begin() as session:
        rows = session.scalars(select(FeedRow).where(FeedRow.id == id_).order_by(FeedRow.rev)).all()
        shown = [(row.scope, row.rev, json.decode(row.body)) for row in rows if row.body is not None]
    assert shown, "the feed keeps at least the newest"
    for scope, rev, body in shown:
        assert ("evidence", rev, STATES[rev - 1]) == (scope, body["rev"], body["state"])
    assert "gone" == shown[-1][2]["state"] == export_of(town, told["id"])["state"]


def test_exports_are_listed_in_pages_the_newest_first(town: Town) -> None:
    clip, case = kept(town, b"one film"), open_case(town)
    asked = [ask(town, clip, case=case).json()["id"] for _ in range(5)]
    seen, after = [], None
    while True:
        page = town.get(town.custodian, "/exports", params={"limit": 2} | ({"after": after} if after else {})).json()
        seen += [one["id"] for one in page["exports"]]
        after = page["after"]
        if after is None:
            break
    assert seen == asked[::-1]
    refused = town.get(town.custodian, "/exports", params={"after": "nothing"})
    assert (400, "/after") == (refused.status_code, refused.json()["errors"][0]["pointer"])
