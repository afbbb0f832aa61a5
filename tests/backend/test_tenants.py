"""A town sees nothing of another town: held by the database itself, asked in plain SQL under the application's role."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from backend.db import APP_ROLE
from backend.fields import Role, uuid7
from backend.identity.service import token_hash
from sync.exchange import WireMedia
from tests.backend.buildings.house import House, patrol, signal
from tests.backend.conftest import new_town
from tests.backend.evidence.conftest import make_town
from tests.backend.test_bad_input import VALID
from tests.backend.test_rights import code_of, routes
from tests.backend.world import World

Tables = dict[str, list[str]]
#: Operations on ids of clips and cameras that take a body.
OF_CLIPS = (
    "answerClip", "correctClip", "placeHold", "reviewHold", "releaseHold", "openView", "confirmCamera", "assignCamera",
    "requestExport",
)  # fmt: skip

#: What belongs to the server and to no town.
OF_THE_SERVER = {"history", "sweep"}
#: What each function with the owner's rights promises; a new one needs a test here.
DEFINERS = {
    "all_towns", "feed_moved", "find_actor", "find_enrolment", "find_login", "find_source", "find_town",
    "forget_consumed", "log_towns_waiting", "timers_due", "town_names", "urgent_alarms",
}  # fmt: skip
NO_RIGHT = (psycopg.errors.InsufficientPrivilege,)


@pytest.fixture
def app(database) -> Iterator[psycopg.Connection]:
    """The application's own connection, without a town."""
    with psycopg.connect(database.app_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def owner(database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.owner_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="module")
def foreign(http, server, tmp_path_factory) -> World:
    """A town that has something in as many tables as can be filled from outside."""
    world = new_town(http, server, tmp_path_factory.mktemp("foreign"))
    phone = world.phone()
    photo = WireMedia(sha256="0" * 64, size=1, type="image/jpeg")
    phone.record({"tbnr": "999999"}, media=(photo,))
    phone.record(kind="nobody.knows")
    phone.client.drain(patience_s=0)
    house = House.of(world)
    house.tell(signal(), signal(kind=None, sender="0815", flags=["unknown_sender"]))
    again = signal()
    house.tell(again)
    house.tell(again)
    house.tell({"sender": "1234", "state": "online", "at": signal()["received_at"]}, kind="link.changed")
    patrol(house)
    town = make_town(world)
    clip = town.dock.bring()
    town.dock.send("clip.gap", {"camera": "cam-1", "first": 4, "last": 6, "cause": "unknown"})
    town.dock.send("clip.gap_filled", {"camera": "cam-1", "camera_seq": 5})
    assert town.answer(clip, keep={"ground": "criminal_offence", "case_reference": "1 Js 1/26"}).status_code == 200
    assert town.post(town.officer, f"/clips/{clip}/views", {"reason": "Bericht"}).status_code == 201
    town.delete_due(datetime.now(UTC))
    case = town.post(town.custodian, "/cases", {"aktenzeichen": "1 Js 1/26", "ground": "§ 69 OWiG"}).json()["id"]
    export = {"recipient": "Staatsanwaltschaft", "clips": [str(clip)]}
    assert town.post(town.custodian, f"/cases/{case}/exports", export).status_code == 201
    return world


def tables(connection: psycopg.Connection) -> Tables:
    """Every table of ours and its columns."""
    rows = connection.execute(
        "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped"
        " GROUP BY 1 ORDER BY 1"
    )
    return dict(rows.fetchall())


def towns_tables(connection: psycopg.Connection) -> list[str]:
    return [name for name, columns in tables(connection).items() if "town" in columns]


def set_town(connection: psycopg.Connection, town: UUID | None) -> None:
    connection.execute("SELECT set_config('app.town', %s, true)", (str(town) if town else "",))


def count(connection: psycopg.Connection, table: str, town: UUID | None = None) -> int:
    where = sql.SQL("") if town is None else sql.SQL(" WHERE town = {}").format(town)
    return connection.execute(sql.SQL("SELECT count(*) FROM {}{}").format(sql.Identifier(table), where)).fetchone()[0]


def refused(connection: psycopg.Connection, statement: Any, errors: tuple[type, ...] = NO_RIGHT) -> None:
    with pytest.raises(errors), connection.transaction():
        connection.execute(statement)


def test_every_table_is_a_towns_or_named_as_the_servers(owner) -> None:
    assert {name for name, columns in tables(owner).items() if "town" not in columns} == OF_THE_SERVER


def test_every_table_of_a_town_has_row_level_security_with_its_one_policy(owner) -> None:
    for table in towns_tables(owner):
        enabled = owner.execute("SELECT relrowsecurity FROM pg_class WHERE oid = %s::regclass", (table,)).fetchone()[0]
        policies = owner.execute(
            "SELECT polcmd, polpermissive, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)"
            " FROM pg_policy WHERE polrelid = %s::regclass",
            (table,),
        ).fetchall()
        assert (True, 1) == (enabled, len(policies)), table
        command, is_permissive, using, check = policies[0]
        assert (b"*", True) == (command if isinstance(command, bytes) else command.encode(), is_permissive)
        assert using == check
        assert "town = " in using
        assert "app.town" in using


def test_every_key_and_unique_index_of_a_town_leads_with_the_town_or_is_a_hash(owner) -> None:
    """Else one town learns of another's rows by a refusal."""
    rows = owner.execute(
        "SELECT t.relname, i.relname, a.attname FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid"
        " JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]"
        " WHERE n.nspname = 'public' AND x.indisunique"
    ).fetchall()
    towns = set(towns_tables(owner))
    leading = {(table, index) for table, index, column in rows if table in towns and column != "town"}
    assert leading == {
        ("enrolment", "ix_enrolment_code_hash"),  # hashes of secrets: 128 random bits and more
        ("lease", "ix_lease_token_hash"),
        ("login_session", "ix_login_session_token_hash"),
        ("town", "uq_town_slug"),  # the operator's, who sees all towns
        ("town", "uq_town_domain"),
    }


def test_every_reference_between_towns_tables_carries_the_town(owner) -> None:
    """A foreign key is checked with the owner's rights, past row-level security."""
    rows = owner.execute(
        "SELECT conrelid::regclass::text, conname, (SELECT array_agg(attname::text) FROM pg_attribute"
        " WHERE attrelid = conrelid AND attnum = ANY(conkey)) FROM pg_constraint WHERE contype = 'f'"
        " AND connamespace = 'public'::regnamespace"
    ).fetchall()
    assert rows
    for table, name, columns in rows:
        assert "town" in columns, (table, name)


def test_without_a_town_nothing_is_seen(app, foreign: World) -> None:
    for table in towns_tables(app):
        assert count(app, table) == 0, table


def test_another_towns_rows_are_not_seen_in_any_table(app, owner, foreign: World) -> None:
    filled = {table for table in towns_tables(owner) if count(owner, table, foreign.town)}
    assert {"person", "source", "journal_entry", "journal_private", "offence", "feed", "task", "lease"} <= filled
    assert {"clip", "clip_media", "clip_hold", "clip_view", "clip_gap", "clip_gap_filled", "deletion_clock"} <= filled
    assert {"camera", "camera_assignment", "camera_docking", "training_certificate"} <= filled
    set_town(app, uuid7())
    for table in towns_tables(app):
        assert 0 == count(app, table) == count(app, table, foreign.town), table
    set_town(app, foreign.town)
    for table in filled:
        assert count(app, table), f"{table}: a test that sees nothing of its own proves nothing"


def test_another_towns_rows_are_not_changed_in_any_table(app, owner, foreign: World) -> None:
    set_town(app, uuid7())
    for table in towns_tables(app):
        name = sql.Identifier(table)
        before = count(owner, table, foreign.town)
        column = _updatable(app, table)
        if column is not None:
            with app.transaction():
                statement = sql.SQL("UPDATE {} SET {} = {} WHERE town = {}")
                done = app.execute(statement.format(name, *[sql.Identifier(column)] * 2, foreign.town))
            assert done.rowcount == 0, table
        if _has(app, table, "DELETE"):
            with app.transaction():
                assert app.execute(sql.SQL("DELETE FROM {}").format(name)).rowcount == 0, table
        assert before == count(owner, table, foreign.town)


def test_no_row_is_written_into_another_town(app, owner, foreign: World) -> None:
    """A copy of a real row, written by a session of another town: refused by the policy, and by nothing else."""
    for table in towns_tables(app):
        if not _has(app, table, "INSERT"):
            continue
        columns = _insertable(owner, table)
        row = owner.execute(
            sql.SQL("SELECT {} FROM {} WHERE town = {} LIMIT 1").format(
                sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns),
                sql.Identifier(table),
                foreign.town,
            )
        ).fetchone()
        if row is None:
            continue
        set_town(app, uuid7())
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(map(sql.Literal, row)),
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), app.transaction():
            app.execute(statement)


def test_no_row_refers_to_another_town(app, foreign: World, world: World) -> None:
    set_town(app, world.town)
    for statement in (
        "INSERT INTO role_grant (town, id, person, role, granted_at) SELECT {town}, {id}, {person}, 'admin', now()",
        "INSERT INTO login_session (town, token_hash, person, created_at, expires_at)"
        " SELECT {town}, sha256('x'), {person}, now(), now() + interval '1 hour'",
    ):
        person = foreign.person(Role.ADMIN).id
        refused(
            app,
            sql.SQL(statement).format(town=world.town, id=uuid4(), person=person),
            (psycopg.errors.ForeignKeyViolation,),
        )


def _has(connection: psycopg.Connection, table: str, right: str) -> bool:
    return connection.execute("SELECT has_table_privilege(%s, %s)", (table, right)).fetchone()[0]


def _updatable(connection: psycopg.Connection, table: str) -> str | None:
    for column in tables(connection)[table]:
        if connection.execute("SELECT has_column_privilege(%s, %s, 'UPDATE')", (table, column)).fetchone()[0]:
            return column
    return None


def _insertable(connection: psycopg.Connection, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attidentity = '' AND attgenerated = ''",
        (table,),
    )
    return [name for (name,) in rows]


def test_the_applications_role_is_nobody(app) -> None:
    row = app.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = %s",
        (APP_ROLE,),
    ).fetchone()
    assert row == (False,) * 5
    owned = app.execute("SELECT count(*) FROM pg_class WHERE relowner = %s::regrole", (APP_ROLE,)).fetchone()[0]
    assert owned == 0
    functions = app.execute("SELECT count(*) FROM pg_proc WHERE proowner = %s::regrole", (APP_ROLE,)).fetchone()[0]
    assert functions == 0
    member = app.execute("SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole", (APP_ROLE,)).fetchone()[0]
    assert member == 0


def test_the_applications_role_cannot_get_round_its_bounds(app) -> None:
    for table in tables(app):
        name = sql.Identifier(table)
        refused(app, sql.SQL("TRUNCATE {}").format(name))
        refused(app, sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(name))
        refused(app, sql.SQL("DROP TABLE {}").format(name))
        refused(app, sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(name))
        refused(app, sql.SQL("CREATE POLICY mine ON {} USING (true)").format(name))
    for statement in (
        "SET ROLE postgres", "SET ROLE streife_broker", "SET SESSION AUTHORIZATION postgres",
        "SET session_replication_role = replica", "CREATE TABLE mine (x int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE SCHEMA mine",
        "SELECT * FROM broker.kombu_message", "COPY person TO PROGRAM 'true'", "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid", "CREATE EXTENSION dblink", "ALTER ROLE streife_app BYPASSRLS",
    ):  # fmt: skip
        refused(app, statement, (*NO_RIGHT, psycopg.errors.UndefinedObject, psycopg.errors.FeatureNotSupported))


def test_row_security_off_raises_instead_of_showing(app, foreign: World) -> None:
    app.execute("SET row_security = off")
    refused(app, "SELECT count(*) FROM person")
    app.rollback()


def test_append_only_tables_refuse_change_from_their_owner_too(owner, foreign: World) -> None:
    rows = owner.execute(
        "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = 'refuse_change'::regproc"
    ).fetchall()
    append_only = {name for (name,) in rows}
    assert {"journal_seal", "journal_fork"} <= append_only
    for table in append_only:
        raised = (psycopg.errors.RaiseException,)
        refused(owner, sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table)), raised)
        if count(owner, table):
            refused(owner, sql.SQL("DELETE FROM {}").format(sql.Identifier(table)), raised)
            refused(owner, sql.SQL("UPDATE {} SET town = town").format(sql.Identifier(table)), raised)


def test_a_town_of_nonsense_is_an_error_and_no_view(app) -> None:
    app.execute("SELECT set_config('app.town', 'nonsense', true)")
    refused(app, "SELECT count(*) FROM person", (psycopg.errors.InvalidTextRepresentation,))


# --- functions with the owner's rights ---


def test_every_function_with_the_owners_rights_is_known_and_closed(owner) -> None:
    rows = owner.execute(
        "SELECT p.proname, p.proconfig, p.proacl::text FROM pg_proc p WHERE p.prosecdef"
        " AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
    ).fetchall()
    assert {name for name, _, _ in rows} == DEFINERS
    for name, config, acl in rows:
        assert config == ["search_path=pg_catalog, public, pg_temp"], name
        assert not [part for part in acl.strip("{}").split(",") if part.startswith("=")], f"{name}: open to PUBLIC"


def test_find_actor_tells_who_holds_a_token_and_nothing_without_one(app, foreign: World) -> None:
    ask = "SELECT * FROM find_actor(%s, now())"
    assert app.execute(ask, (b"",)).fetchall() == []
    assert app.execute(ask, (None,)).fetchall() == []
    clerk = foreign.person(Role.CLERK)

    token = clerk.headers["authorization"].removeprefix("Bearer ")
    assert app.execute(ask, (token.encode(),)).fetchall() == [], "the token itself is not the key, its hash is"
    (row,) = app.execute(ask, (token_hash(token),)).fetchall()
    assert row == (foreign.town, clerk.id, ["clerk"], None, None, False)


def test_find_login_tells_ids_only_and_only_for_the_named_town(app, foreign: World, world: World) -> None:
    login = foreign.person().login
    ask = "SELECT * FROM find_login(%s, %s)"
    assert app.execute(ask, (foreign.slug, login)).fetchall()[0][0] == foreign.town
    for slug in (world.slug, "", "%", "nobody"):
        assert app.execute(ask, (slug, login)).fetchall() == [], slug


def test_find_enrolment_tells_a_town_for_the_hash_of_its_code_only(app, foreign: World) -> None:

    code = foreign.code("dock")
    assert app.execute("SELECT find_enrolment(%s)", (token_hash(code),)).fetchone() == (foreign.town,)
    assert app.execute("SELECT find_enrolment(%s)", (code.encode(),)).fetchone() == (None,)


def test_find_source_tells_a_town_and_nothing_else(app, foreign: World) -> None:
    dock = foreign.machine()
    assert app.execute("SELECT find_source(%s)", (dock.source,)).fetchone() == (foreign.town,)
    assert app.execute("SELECT find_source(%s)", (uuid4(),)).fetchone() == (None,)


def test_the_functions_about_towns_tell_ids_names_and_slugs_only(app, foreign: World) -> None:
    assert (foreign.town,) in app.execute("SELECT * FROM all_towns()").fetchall()
    assert (foreign.slug, f"Stadt {foreign.slug}") in app.execute("SELECT * FROM town_names()").fetchall()
    assert app.execute("SELECT find_town(%s)", (foreign.slug,)).fetchone() == (foreign.town,)
    assert app.execute("SELECT find_town('nobody')").fetchone() == (None,)


def test_feed_moved_tells_names_of_scopes_that_were_asked_for_and_no_content(app, foreign: World) -> None:
    ask = "SELECT * FROM feed_moved(%s::uuid[], %s::text[], '0'::xid8, 0, pg_snapshot_xmin(pg_current_snapshot()))"
    assert app.execute(ask, ([foreign.town], ["office"])).fetchall() == [(foreign.town, "office")]
    assert app.execute(ask, ([foreign.town], ["%"])).fetchall() == []
    assert app.execute(ask, ([], [])).fetchall() == []


def test_log_towns_waiting_tells_towns_only(app, foreign: World) -> None:
    found = app.execute("SELECT * FROM log_towns_waiting()").fetchall()
    assert (foreign.town,) in found
    assert {len(row) for row in found} == {1}


def test_urgent_alarms_tells_numbers_of_the_towns_that_were_asked_for(app, foreign: World, world: World) -> None:
    ask = "SELECT * FROM urgent_alarms(%s::uuid[])"
    (row,) = app.execute(ask, ([foreign.town],)).fetchall()
    assert (foreign.town, 2) == row[:2], "one desk's hold-up alarm, told twice, and an emergency"
    assert app.execute(ask, ([world.town],)).fetchall() == [(world.town, 0, 0)]
    assert app.execute(ask, ([],)).fetchall() == []


def test_timers_due_tells_towns_only_and_only_where_something_is_due(app, foreign: World, world: World) -> None:
    def due(at: str) -> set[tuple]:
        return set(app.execute("SELECT * FROM timers_due(%s)", (at,)).fetchall())

    assert (foreign.town,) not in due("2000-01-01"), "its alarms have time yet"
    assert (foreign.town,) in due("2100-01-01")
    assert (world.town,) not in due("2100-01-01"), "nothing runs here"
    assert {len(row) for row in due("2100-01-01")} == {1}


def test_forget_consumed_deletes_what_was_consumed_and_nothing_else(app, owner, database) -> None:
    with psycopg.connect(database.broker_url) as broker:
        broker.execute("INSERT INTO broker.kombu_queue (id, name) VALUES (1, 'q') ON CONFLICT DO NOTHING")
        broker.execute(
            "INSERT INTO broker.kombu_message (id, visible, timestamp, payload, version, queue_id) VALUES"
            " (1, false, '2020-01-01', '', 1, 1), (2, true, '2020-01-01', '', 1, 1), (3, false, '2090-01-01', '', 1, 1)"
        )
    assert app.execute("SELECT forget_consumed('2026-01-01')").fetchone() == (1,)
    app.commit()
    left = owner.execute("SELECT id FROM broker.kombu_message ORDER BY id").fetchall()
    assert left == [(2,), (3,)]
    owner.execute("DELETE FROM broker.kombu_message")
    owner.commit()


# --- over HTTP ---


@pytest.mark.slow
def test_ids_of_another_town_open_nothing_at_any_route(http, owner, foreign: World, world: World) -> None:
    ids = [
        str(found)
        for table, column in (
            ("person", "id"), ("role_grant", "id"), ("source", "id"), ("offence", "id"), ("task", "id"),
            ("log_record", "id"), ("catalogue_import", "id"), ("media", "id"), ("incident", "id"), ("alarm", "id"),
            ("unit", "id"), ("shift", "id"), ("emergency", "id"), ("zone", "id"), ("point", "id"), ("line", "id"),
            ("job", "id"),
            ("clip", "id"), ("camera", "id"),
            ("clip_hold", "id"), ("clip_view", "id"), ("training_certificate", "id"), ("camera_assignment", "id"),
            ("evidence_case", "id"), ("evidence_export", "id"),
        )
        for (found,) in owner.execute(
            sql.SQL("SELECT {} FROM {} WHERE town = {} LIMIT 2").format(
                sql.Identifier(column), sql.Identifier(table), foreign.town
            )
        )
    ]  # fmt: skip
    assert len(ids) >= 8
    all_roles = world.person(*(role for role in Role if role not in (Role.DOCK, Role.GATEWAY)))
    bodies = {
        "grantRole": {"role": "clerk"}, "revokeSource": {"reason": "lost"},
        "closeTask": {"outcome": "settled", "reason": "x", "base": 1},
    } | {name: VALID[name] for name in (
        "closeIncident", "reopenIncident", "addNote", "beginShift", "setUnitStatus", "stepEmergency", "closeAlarm",
        "shelveAlarm", "changeZone", "changePoint", "changeLine",
    )}  # fmt: skip
    bodies |= {name: VALID[name] for name in OF_CLIPS}
    device = world.machine().lease() | {
        "tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream",
    }  # fmt: skip
    tried = 0
    for method, path, handler in routes(http.app):
        marker = next((part for part in path.split("/") if len(part) == 36), None)
        if marker is None or handler.opt["right"] == "public":
            continue
        for id_ in ids:
            body = bodies.get(handler.operation_id)
            who = device if handler.opt["right"] == "source" else all_roles.headers
            answer = http.request(method, path.replace(marker, id_), headers=who, json=body)
            assert (404, "not_found") == (answer.status_code, code_of(answer)), (method, path)
            tried += 1
    assert tried >= 8 * 6
    body = {"kind": "dock", "label": "x", "source": foreign.machine().source}
    answer = http.post("/v1/enrolments", json=body, headers=all_roles.headers)
    assert (404, "/source") == (answer.status_code, answer.json()["errors"][0]["pointer"])
