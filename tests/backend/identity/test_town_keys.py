"""The town's root pins the keys that sign its records and its log."""

import json
import stat
import threading
from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from sqlalchemy import select

from backend.db import sessions_of
from backend.fields import uuid7
from backend.identity import town_keys
from backend.local import setup
from backend.log.queries import envelope
from backend.log.tables import RecordRow
from backend.server import RootOffline
from sync.envelope import opened, pre_authentication
from sync.keys import verify


def founded(server):
    slug = f"t{uuid7().hex[-10:]}"
    return setup.found_town(server, uuid7(), slug=slug, name="Stadt", domain=f"{slug}.example")


def statements(server, town) -> list[RecordRow]:
    with sessions_of(server.engine, town).begin() as session:
        rows = session.scalars(
            select(RecordRow).where(RecordRow.subject.startswith("key:")).order_by(RecordRow.subject)
        )
        return list(rows)


def test_a_town_is_founded_with_statements_about_the_servers_keys(server) -> None:
    town = founded(server)
    root = server.root_key(town)
    rows = statements(server, town)
    told = [json.loads(row.public) for row in rows]
    assert sorted((one["role"], one["algorithm"], one["from"]) for one in told) == [
        ("log", "ed25519", 0), ("log", "p256", 0), ("record", "p256", 0),
    ]  # fmt: skip
    keys = {server.record_key.spki, *server.log_keys.spkis()}
    assert {b64decode(one["spki"]) for one in told} == keys
    assert {one["enrolled_keyid"] for one in told} == {sha256(spki).hexdigest() for spki in keys}
    for row in rows:
        assert json.loads(row.public)["keyid"] == root.spki_sha256.hex()
        assert verify(root.spki, pre_authentication(row.public), row.signature)


def test_stating_again_changes_nothing(server) -> None:
    town = founded(server)
    with sessions_of(server.engine, town).begin() as session:
        assert (
            town_keys.state(session, lambda: server.root_key(town), server.stated_keys("x"), now=datetime.now(UTC)) == 0
        )
    assert len(statements(server, town)) == 3


def test_the_root_key_is_a_file_of_this_account_only_and_stays_the_same(server) -> None:
    town = founded(server)
    path = server.settings.keys_dir / f"root-{town}.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert server.root_key(town).spki == server.root_key(town).spki
    left = sorted(one.name for one in server.settings.keys_dir.iterdir() if str(town) in one.name)
    assert left == [path.name, path.with_suffix(".spki").name]


def test_a_root_key_that_was_taken_offline_is_not_replaced_and_its_public_half_stays(server) -> None:
    town = founded(server)
    path, spki = server.settings.keys_dir / f"root-{town}.pem", server.root_key(town).spki
    path.rename(path.with_suffix(".safe"))
    assert server.root(town) == spki
    with pytest.raises(RootOffline):
        server.root_key(town)
    with sessions_of(server.engine, town).begin() as session:  # everything is stated: the root is not asked for
        assert 0 == town_keys.state(
            session, lambda: server.root_key(town), server.stated_keys("x"), now=datetime.now(UTC)
        )


def test_processes_that_ask_first_at_once_get_one_root(server) -> None:
    town, found = uuid7(), []
    threads = [threading.Thread(target=lambda: found.append(server.root_key(town).spki)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(found), len(set(found))) == (8, 1)


def test_each_town_has_its_own_root_and_a_fingerprint_to_print(server) -> None:
    one, two = founded(server), founded(server)
    text = setup.fingerprint(server, one)
    assert text != setup.fingerprint(server, two)
    assert (len(text.split()), text.replace(" ", "")) == (8, server.root_key(one).spki_sha256.hex())


def test_a_devices_enrolment_is_signed_by_the_record_key(world) -> None:
    machine = world.machine("dock")
    with world.sessions.begin() as session:
        row = session.scalars(
            select(RecordRow).where(RecordRow.subject == machine.source, RecordRow.kind == "key.enrolled")
        ).one()
        assert opened(envelope(session, row.id), world.server.record_key.spki) == row.public
    told = json.loads(row.public)
    assert (told["role"], told["algorithm"]) == ("seal:dock", "p256")
    assert told["source_keyid"] == machine.key.spki_sha256.hex()
