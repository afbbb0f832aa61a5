"""Signals over HTTP (design/control-room.md 4.4): each answer, and that it waits for the disk."""

import asyncio
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.gateway import signals
from backend.gateway.lines import Line, Lines
from backend.gateway.reading import Reading
from backend.gateway.recorder import Recorder
from backend.gateway.repeats import Repeats
from backend.gateway.web import States, Web, app
from sync.bodies import SignalReceived
from sync.journal import Journal
from tests.sync.samples import SOURCE, rfc6979_key

TOKEN, HOOK = "desk-token", "phone-token"
LINES = Lines(
    [
        Line(protocol="http", sender="desk", token_sha256=sha256(TOKEN.encode()).hexdigest()),
        Line(protocol="http", sender="pbx", token_sha256=sha256(HOOK.encode()).hexdigest()),
    ]
)
DESK = {"Authorization": f"Bearer {TOKEN}"}
PANIC = {"v": 1, "point": "jc-nord/217/desk-3", "kind": "panic", "level": 2, "occurred_at": "2026-11-22T05:53:13.120Z",
         "test": False, "text": "Hilfe", "sender": {"id": "pc-3", "version": "1.2", "clock_offset_ms": 12}}  # fmt: skip


class Site:
    """The application over a real journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[Reading] = []

    def run(self, use: Any, *, reserve_bytes: int = 0, repeats: Repeats | None = None) -> None:
        async def serve() -> None:
            journal = Journal.open(self.path, reserve_bytes=reserve_bytes)
            recorder = Recorder(journal, repeats or Repeats())
            writing = asyncio.create_task(recorder.run())
            self.web = Web(recorder, lambda: LINES, States(), on_heard=lambda reading, _: self.heard.append(reading))
            transport = httpx.ASGITransport(app(self.web), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
                await use(client)
            recorder.close()
            await writing
            self.signals = [
                _decoded(draft.body) for _, draft in journal.drafts(0, 10_000) if draft.kind == "signal.received"
            ]
            journal.close()

        asyncio.run(serve())


def _decoded(body: bytes) -> SignalReceived:
    return msgspec.json.decode(body, type=SignalReceived)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    Journal.create(tmp_path / "journal.sqlite", SOURCE, 1, rfc6979_key().spki_sha256).close()
    return Site(tmp_path / "journal.sqlite")


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert status == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    body = answer.json()
    assert f"/problems/{status}.90" == body["type"]
    assert body["detail"].endswith(".")
    return body


def test_a_signal_is_recorded_and_its_repetition_is_not(site: Site) -> None:
    async def use(client: Any) -> None:
        named = key()
        first = await client.post("/v1/signals", json=PANIC, headers=DESK | named)
        assert (201, {"key": named["Idempotency-Key"], "state": "recorded"}) == (first.status_code, first.json())
        again = await client.post("/v1/signals", json=PANIC, headers=DESK | named)
        assert 200 == again.status_code
        other = await client.post("/v1/signals", json=PANIC, headers=DESK | key())
        assert 201 == other.status_code

    site.run(use)
    first, second = site.signals
    assert ("http", "desk", "jc-nord/217/desk-3", "panic", 2, "Hilfe", False) == (
        first.protocol, first.sender, first.point, first.kind, first.level, first.text, first.is_test,
    )  # fmt: skip
    assert "2026-11-22T05:53:13.120Z" == first.occurred_at
    assert {"client": "pc-3", "version": "1.2", "clock_offset_ms": "12"} == {
        name: value for name, value in first.facts.items() if name != "key"
    }
    assert first.dedup != second.dedup
    assert 3 == len(site.heard)


def test_after_a_restart_a_repetition_is_one_still(site: Site) -> None:
    named = key()

    async def first(client: Any) -> None:
        assert 201 == (await client.post("/v1/signals", json=PANIC, headers=DESK | named)).status_code

    site.run(first)
    repeats = Repeats()
    repeats.restore(site.signals[0])

    async def second(client: Any) -> None:
        assert 200 == (await client.post("/v1/signals", json=PANIC, headers=DESK | named)).status_code
        state = await client.get(f"/v1/signals/{named['Idempotency-Key']}", headers=DESK)
        assert "recorded" == state.json()["state"]

    site.run(second, repeats=repeats)
    assert 1 == len(site.signals)


def test_the_same_key_with_other_content_is_a_conflict_and_kept(site: Site) -> None:
    async def use(client: Any) -> None:
        named = key()
        await client.post("/v1/signals", json=PANIC, headers=DESK | named)
        for _ in range(2):
            is_problem(await client.post("/v1/signals", json=PANIC | {"level": 3}, headers=DESK | named), 409)

    site.run(use)
    assert [(2, ()), (3, ("key_reused",))] == [(signal.level, signal.flags) for signal in site.signals]


def test_nobody_is_told_recorded_without_room_on_the_disk(site: Site) -> None:
    async def use(client: Any) -> None:
        named = key()
        problem = await client.post("/v1/signals", json=PANIC, headers=DESK | named)
        is_problem(problem, 503)
        assert "1" == problem.headers["retry-after"]
        is_problem(await client.get(f"/v1/signals/{named['Idempotency-Key']}", headers=DESK), 404)
        is_problem(await client.post(f"/v1/hooks/{HOOK}?extension=217"), 503)
        is_problem(await client.post("/v1/signals", content=b"?", headers=DESK | key()), 503)

    site.run(use, reserve_bytes=1 << 60)
    assert [] == site.signals


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"v": 2}, "/v"), ({"point": ""}, "/point"), ({"point": None}, "/point"), ({"kind": "Panic!"}, "/kind"),
        ({"level": 4}, "/level"), ({"level": "2"}, "/level"), ({"occurred_at": "heute"}, "/occurred_at"),
        ({"occurred_at": "2026-11-22T05:53:13"}, "/occurred_at"), ({"test": 1}, "/test"),
        ({"text": "x" * 2001}, "/text"),
        ({"sender": {"clock_offset_ms": "x"}}, "/sender/clock_offset_ms"),
    ],
)  # fmt: skip
def test_an_unreadable_field_is_named_and_all_is_kept(site: Site, change: dict[str, Any], pointer: str) -> None:
    async def use(client: Any) -> None:
        found = is_problem(await client.post("/v1/signals", json=PANIC | change, headers=DESK | key()), 422)
        assert [pointer] == [error["pointer"] for error in found["errors"]]

    site.run(use)
    (signal,) = site.signals
    assert ("desk", None, ("unparsed",)) == (signal.sender, signal.kind, signal.flags)


@pytest.mark.parametrize("given_key", [None, "", "1", "x" * 36])
def test_a_key_is_asked_for(site: Site, given_key: str | None) -> None:
    async def use(client: Any) -> None:
        headers = DESK if given_key is None else DESK | {"Idempotency-Key": given_key}
        found = is_problem(await client.post("/v1/signals", json=PANIC, headers=headers), 422)
        assert "Idempotency-Key" == found["errors"][0]["pointer"]

    site.run(use)
    assert 1 == len(site.signals)


def test_a_missing_member_is_named(site: Site) -> None:
    async def use(client: Any) -> None:
        for name in ("v", "point", "kind"):
            body = {member: value for member, value in PANIC.items() if member != name}
            found = is_problem(await client.post("/v1/signals", json=body, headers=DESK | key()), 422)
            assert f"/{name}" == found["errors"][0]["pointer"]

    site.run(use)


def test_unknown_members_and_kinds_hinder_no_alarm(site: Site) -> None:
    async def use(client: Any) -> None:
        body = PANIC | {"kind": "smoke.signal", "colour": "red"}
        assert 201 == (await client.post("/v1/signals", json=body, headers=DESK | key())).status_code

    site.run(use)
    (signal,) = site.signals
    assert (None, "smoke.signal", ("unknown_code",)) == (signal.kind, signal.code, signal.flags)


def test_a_stranger_is_counted_and_leaves_nothing_else(site: Site) -> None:
    async def use(client: Any) -> None:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKEN}"}):
            is_problem(await client.post("/v1/signals", json=PANIC, headers=headers | key()), 401)
            is_problem(await client.post("/v1/heartbeats", headers=headers), 401)
            is_problem(await client.get(f"/v1/signals/{uuid4()}", headers=headers), 401)
        is_problem(await client.get("/v1/hooks/wrong"), 401)
        assert 10 == site.web.strangers

    site.run(use)
    assert [] == site.signals
    assert [] == site.heard


def test_the_silent_acknowledgement_is_polled_until_it_changes(site: Site) -> None:
    async def use(client: Any) -> None:
        named = key()
        await client.post("/v1/signals", json=PANIC, headers=DESK | named)
        path = f"/v1/signals/{named['Idempotency-Key']}"
        dedup = site.web.recorder.repeats.key("desk", named["Idempotency-Key"], datetime.now(UTC)).dedup
        waiting = asyncio.create_task(client.get(path, params={"known": "recorded", "wait_s": 20}, headers=DESK))
        for _ in range(200):
            if site.web.states.waiting:
                break
            await asyncio.sleep(0.01)
        assert 1 == site.web.states.waiting
        site.web.states.set({"another": "shown"})
        await asyncio.sleep(0.02)
        assert not waiting.done()
        site.web.states.set({dedup: "shown"})
        assert "shown" == (await waiting).json()["state"]
        assert (
            "shown"
            == (await client.get(path, params={"known": "recorded", "wait_s": 20}, headers=DESK)).json()["state"]
        )
        assert (
            "shown" == (await client.get(path, params={"known": "shown", "wait_s": 0.01}, headers=DESK)).json()["state"]
        )
        is_problem(await client.get(f"/v1/signals/{uuid4()}", headers=DESK), 404)
        is_problem(await client.get("/v1/signals/no-key", headers=DESK), 404)
        is_problem(await client.get(path, params={"wait_s": -1}, headers=DESK), 400)
        is_problem(await client.get(path, params={"known": "closed"}, headers=DESK), 400)

    site.run(use)


def test_a_heartbeat_feeds_the_line_and_is_no_signal(site: Site) -> None:
    async def use(client: Any) -> None:
        assert 204 == (await client.post("/v1/heartbeats", headers=DESK)).status_code

    site.run(use)
    assert [] == site.signals
    assert [("desk", True, ())] == [(one.sender, one.feeds_link, one.events) for one in site.heard]


@pytest.mark.parametrize(
    ("method", "query", "content", "point", "level", "kind"),
    [
        ("GET", "extension=217&key=9", None, "217", None, "panic"),
        ("GET", "from=030123&level=3&kind=duress", None, "030123", 3, "duress"),
        ("POST", "", b"extension=218&level=2", "218", 2, "panic"),
        ("POST", "", b'{"point":"raum 4","level":1}', "raum 4", 1, "panic"),
        ("POST", "", b"\xff\xfe", None, None, "panic"),
        ("GET", "", None, None, None, "panic"),
        ("GET", "kind=whatever&level=9", None, None, None, None),
    ],
)  # fmt: skip
def test_whatever_a_telephone_system_sends_is_an_alarm(
    site: Site, method: str, query: str, content: bytes | None, point: str | None, level: int | None, kind: str | None
) -> None:
    async def use(client: Any) -> None:
        answer = await client.request(method, f"/v1/hooks/{HOOK}?{query}", content=content)
        assert 201 == answer.status_code

    site.run(use)
    (signal,) = site.signals
    assert ("pbx", point, level, kind) == (signal.sender, signal.point, signal.level, signal.kind)
    assert ("unknown_code",) == signal.flags if kind is None else () == signal.flags


def test_a_hook_called_again_at_once_is_the_same_press(site: Site) -> None:
    async def use(client: Any) -> None:
        for status in (201, 200):
            assert status == (await client.get(f"/v1/hooks/{HOOK}?extension=217")).status_code
        assert 201 == (await client.get(f"/v1/hooks/{HOOK}?extension=218")).status_code
        named = str(uuid4())
        for status in (201, 200):
            assert status == (await client.get(f"/v1/hooks/{HOOK}?extension=219&id={named}")).status_code

    site.run(use)
    assert ["217", "218", "219"] == [signal.point for signal in site.signals]


def test_the_frameworks_refusals_are_problems_too(site: Site) -> None:
    async def use(client: Any) -> None:
        is_problem(await client.get("/nowhere"), 404)
        is_problem(await client.delete("/v1/signals"), 405)
        is_problem(await client.post("/v1/signals", content=b"x" * (signals.MAX_BODY + 1), headers=DESK | key()), 413)

    site.run(use)
    assert [] == site.signals


texts = st.recursive(
    st.none() | st.booleans() | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


@given(st.binary(max_size=300) | texts)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_is_sent_makes_it_raise(content: bytes) -> None:
    line = next(iter(LINES))
    found = signals.signal(content, line, str(uuid4()))
    assert isinstance(found, (Reading, signals.Fault))
    reading, _ = signals.hook(content, {"point": content.decode("latin-1")}, line)
    assert 1 == len(reading.events)


def test_nested_too_deeply_is_a_fault_and_no_crash() -> None:
    line = next(iter(LINES))
    assert isinstance(signals.signal(b"[" * 16_000, line, str(uuid4())), signals.Fault)
