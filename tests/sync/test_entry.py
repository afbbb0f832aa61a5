import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.entry import (
    MAX_BODY,
    MAX_INTEGER,
    Entry,
    base64url,
    chain_hash,
    check,
    check_private,
    commitment,
    format_instant,
    format_recorded_at,
    from_base64url,
    genesis_hash,
    header,
    media_commitment,
    parse_recorded_at,
)
from sync.errors import InvalidEntry
from tests.sync.samples import SOURCE

SALT = bytes(range(16))
BODY = '{"tbnr":"141312","plate":"MO-AB 123","street":"Mühlenstraße","amount_cent":2500}'.encode()
PHOTO = bytes.fromhex("55c64d0fcd6f9d5f7c828093857e3fe68bda75e72ab30a24d63e5be3767804e8")
EXAMPLE = Entry(
    seq=1,
    id="019cee2d-0285-7c3a-9d21-5b0e8f7a6c42",
    kind="offence.recorded",
    v=1,
    recorded_at="2026-03-14T21:07:33.125Z[Europe/Berlin]",
    media=("8bf07f8ed024f5c7845eb826d5fa218d9d6d07a791a6812be01de12da950e0fb",),
    commitment="669981459405faaa00771a0c7dd7921d7ffe526d7845af62d2622d9992ed16f7",
)
SPKI_HASH = bytes.fromhex("5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4")


def test_the_worked_example_of_the_protocol_comes_out_byte_for_byte() -> None:
    check(EXAMPLE)
    check_private(SALT, BODY)
    assert EXAMPLE.commitment == commitment(SALT, BODY)
    assert 82 == len(BODY)
    assert 259 == len(header(EXAMPLE))
    genesis = genesis_hash(SOURCE, 1, SPKI_HASH)
    assert "efa2b5b2eadfc23eea74b10deffcc989e2e8f43ffce96392e896de7bf30823cb" == genesis.hex()
    head = chain_hash(genesis, header(EXAMPLE))
    assert "93c6911dfeb845656ed5d58d9401c2e6979bdd9fd1c807246e36e6fa6f151ca2" == head.hex()


def test_the_worked_example_commits_to_its_photo() -> None:
    assert EXAMPLE.media[0] == media_commitment(SALT, sha256(b"photo").digest())


zones = st.from_regex(r"[A-Za-z0-9_+/-]{1,40}", fullmatch=True)
instants = st.datetimes(timezones=st.just(UTC))
hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)
entries = st.builds(
    Entry,
    seq=st.integers(1, MAX_INTEGER),
    id=st.from_regex(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", fullmatch=True),
    kind=st.from_regex(r"[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,2}", fullmatch=True),
    v=st.integers(1, 9999),
    recorded_at=st.builds(format_recorded_at, instants, zones),
    media=st.lists(hexes, max_size=32).map(tuple),
    commitment=hexes,
)


@given(entries)
def test_every_json_writer_gives_the_same_header(entry: Entry) -> None:
    check(entry)
    fields = [
        "streife.entry.1",
        entry.seq,
        entry.id,
        entry.kind,
        entry.v,
        entry.recorded_at,
        list(entry.media),
        entry.commitment,
    ]
    assert json.dumps(fields, separators=(",", ":")).encode("ascii") == header(entry)
    assert msgspec.json.encode(fields) == header(entry)


BAD = [
    ("seq", 0),
    ("seq", MAX_INTEGER + 1),
    ("seq", True),
    ("seq", 1.0),
    ("id", "019CEE2D-0285-7C3A-9D21-5B0E8F7A6C42"),
    ("id", "019cee2d-0285-4c3a-9d21-5b0e8f7a6c42"),
    ("id", "019cee2d-0285-7c3a-cd21-5b0e8f7a6c42"),
    ("id", "019cee2d-0285-7c3a-9d21-5b0e8f7a6c42\n"),
    ("id", "{019cee2d-0285-7c3a-9d21-5b0e8f7a6c42}"),
    ("kind", "offence"),
    ("kind", "offence.recorded\n"),
    ("kind", "offence.Recorded"),
    ("kind", "maß.erfasst"),
    ("kind", "a.b.c.d"),
    ("kind", "a." + "b" * 32),
    ("kind", "a.\0"),
    ("kind", "a.\ud800"),
    ("kind", 'a."'),
    ("v", 0),
    ("v", 10_000),
    ("recorded_at", "2026-03-14T21:07:33.125Z"),
    ("recorded_at", "2026-03-14T21:07:33.125+00:00[Europe/Berlin]"),
    ("recorded_at", "2026-03-14T21:07:33Z[Europe/Berlin]"),
    ("recorded_at", "2026-03-14T21:07:33.125123Z[Europe/Berlin]"),
    ("recorded_at", "2026-03-14T21:07:33.125Z[]"),
    ("recorded_at", "2026-03-14T21:07:33.125Z[" + "a" * 41 + "]"),
    ("recorded_at", "2026-03-14T21:07:33.125Z[Europe/Köln]"),
    ("recorded_at", "2026-03-14T21:07:33.125Z[Europe/Berlin]\n"),
    ("recorded_at", "2026-02-29T21:07:33.125Z[Europe/Berlin]"),
    ("recorded_at", "2026-03-14T24:00:00.000Z[Europe/Berlin]"),
    ("recorded_at", "2026-03-14T23:59:60.000Z[Europe/Berlin]"),
    ("recorded_at", "0000-03-14T23:59:59.000Z[Europe/Berlin]"),
    ("recorded_at", "٢٠٢٦-03-14T21:07:33.125Z[Europe/Berlin]"),
    ("recorded_at", ""),
    ("media", ("a" * 64,) * 33),
    ("commitment", "A" * 64),
    ("commitment", "a" * 63),
    ("commitment", "a" * 64 + "\n"),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_what_breaks_the_table_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidEntry) as caught:
        check(msgspec.structs.replace(EXAMPLE, **{field: value}))
    assert field == caught.value.field


def test_a_bad_media_commitment_is_named_by_its_place() -> None:
    with pytest.raises(InvalidEntry) as caught:
        check(msgspec.structs.replace(EXAMPLE, media=("a" * 64, "g" * 64)))
    assert "media[1]" == caught.value.field


@pytest.mark.parametrize("kind", ["a.b", "a.b.c", "a" + "_" * 30 + ".b9"])
@pytest.mark.parametrize("seq", [1, MAX_INTEGER])
@pytest.mark.parametrize("zone", ["Z", "Etc/GMT+12", "America/Argentina/Buenos_Aires", "-" * 40, "+05"])
def test_the_edges_of_the_table_are_inside(kind: str, seq: int, zone: str) -> None:
    at = f"9999-12-31T23:59:59.999Z[{zone}]"
    check(msgspec.structs.replace(EXAMPLE, seq=seq, kind=kind, v=9999, recorded_at=at, media=("0" * 64,) * 32))


@pytest.mark.parametrize(
    ("salt", "body", "field"),
    [
        (SALT[:15], BODY, "salt"),
        (SALT + b"0", BODY, "salt"),
        (SALT, b"", "body"),
        (SALT, b"[1]", "body"),
        (SALT, b"{" + b" " * MAX_BODY, "body"),
    ],
)
def test_salt_and_body_have_their_bounds(salt: bytes, body: bytes, field: str) -> None:
    with pytest.raises(InvalidEntry) as caught:
        check_private(salt, body)
    assert field == caught.value.field
    check_private(SALT, b"{" + b" " * (MAX_BODY - 1))


@given(instants, zones)
def test_an_instant_comes_back_to_the_millisecond_with_its_zone(instant: datetime, zone: str) -> None:
    cut = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert (cut, zone) == parse_recorded_at(format_recorded_at(instant, zone))


def test_an_instant_is_written_in_utc_whatever_its_offset() -> None:
    berlin = timezone(timedelta(hours=1))
    assert "2026-03-14T21:07:33.999Z" == format_instant(datetime(2026, 3, 14, 22, 7, 33, 999_999, tzinfo=berlin))


def test_an_instant_without_an_offset_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError):
        format_instant(datetime(2026, 3, 14))  # noqa: DTZ001


def test_a_zone_that_breaks_the_table_is_not_written() -> None:
    with pytest.raises(InvalidEntry):
        format_recorded_at(datetime(2026, 3, 14, tzinfo=UTC), "Europe/Köln")


@given(st.binary(max_size=100))
def test_base64url_comes_back(data: bytes) -> None:
    assert data == from_base64url(base64url(data))


@pytest.mark.parametrize("text", ["AA==", "A", "AAAAA", "A+A/", "AB", "AA\n", "Ä"])
def test_each_value_has_one_base64url_text(text: str) -> None:
    with pytest.raises(ValueError):
        from_base64url(text)


@pytest.mark.parametrize("incarnation", [0, -1, True, MAX_INTEGER + 1])
def test_a_genesis_needs_a_real_incarnation(incarnation: int) -> None:
    with pytest.raises(InvalidEntry):
        genesis_hash(SOURCE, incarnation, SPKI_HASH)


@pytest.mark.parametrize("source", ["", SOURCE.upper(), SOURCE + "\n", 'a"'])
def test_a_genesis_needs_a_plain_source(source: str) -> None:
    with pytest.raises(InvalidEntry):
        genesis_hash(source, 1, SPKI_HASH)
