"""Each row of the case table and of the code table in design/control-room.md 4.2; `siadc09` as oracle and as sender."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from siadc09 import dc03, dc05
from siadc09.account import Account
from siadc09.message import NullMessage, parse_frame

from backend.gateway import aes, codes, dc09, frames
from backend.gateway.frames import build, outer, padded, stamp_of
from backend.gateway.lines import Line, Lines
from backend.gateway.reading import MAX_EVENTS, Reading
from tests.backend.gateway.test_frames import GOLDEN

NOW = datetime(2026, 11, 22, 5, 53, 13, tzinfo=UTC)
KEY = bytes(range(16))
LINES = Lines(
    [
        Line(protocol="dc09", sender="1234"),
        Line(protocol="dc09", sender="foc7688"),
        Line(protocol="dc09", sender="5678", points=("01/017",)),
        Line(protocol="dc09", sender="AAA1", keys=(bytes(range(32, 48)).hex(), KEY.hex())),
        Line(protocol="dc09", sender="AAA2", keys=(KEY.hex(),), nak_address="L0A0"),
        Line(protocol="http", sender="desk"),
    ]
)


def framed(
    data: str, *, token: str = "SIA-DCS", account: str = "1234", address: str = "", xdata: str = "", seq: str = "0001",
    at: datetime | None = NOW,
) -> bytes:  # fmt: skip
    """A plain frame without LF and CR."""
    stamp = b"" if at is None else stamp_of(at)
    rest = data.encode() + b"]" + xdata.encode() + stamp
    return build(token, seq.encode(), (address or f"L0#{account}").encode(), rest)[1:-1]


def sealed(data: str, *, token: str = "SIA-DCS", account: str = "AAA1", at: datetime = NOW, key: bytes = KEY) -> bytes:
    """An encrypted frame without LF and CR."""
    inner = (b"|" + data.encode() if data else b"") + b"]" + stamp_of(at)
    return build("*" + token, b"0010", f"L0#{account}".encode(), aes.encrypt(key, padded(inner)))[1:-1]


def read(raw: bytes, now: datetime = NOW) -> Reading:
    return dc09.read(raw, LINES, now)


def token_of(answer: bytes | None) -> str:
    """The token of an answer; the oracle MUST take it, where it takes such an address at all."""
    if answer is None:
        return "-"
    found = outer(answer[1:-1])
    assert found is not None
    assert found.is_intact
    if found.prefix is not None and re.fullmatch("[0-9A-F]+", found.account):
        assert found.token == parse_frame(answer, keys={None: KEY}).idtoken
    return ("*" if found.is_encrypted else "") + found.token


@dataclass(frozen=True)
class Case:
    name: str
    raw: bytes
    answer: str
    flags: tuple[str, ...]
    kind: str | None
    feeds: bool
    is_recorded: bool = True


CASES = [
    Case("in order", GOLDEN[0], "ACK", (), "panic.silent", True),
    Case("Contact ID", GOLDEN[1], "ACK", (), "panic", True),
    Case("extended data", GOLDEN[6], "ACK", (), "panic.silent", True),
    Case("encrypted", GOLDEN[7], "*ACK", (), "panic.silent", True),
    Case("poll", GOLDEN[3], "ACK", (), None, True, is_recorded=False),
    Case("extended poll", framed("", token="XNM", xdata="[CDP]"), "ACK", (), None, True, is_recorded=False),
    Case("encrypted poll", sealed("", token="NULL"), "*ACK", (), None, True, is_recorded=False),
    Case("no form of a frame", b"GET / HTTP/1.1", "-", ("unparsed",), None, False),
    Case("bad CRC", b"A37B" + GOLDEN[0][4:], "-", ("bad_checksum",), None, False),
    Case("bad length", b"A37A003C" + GOLDEN[0][8:], "-", ("bad_checksum",), None, False),
    Case(
        "unknown account",
        framed("#9999|Nri1/HA0017", account="9999"),
        "DUH",
        ("unknown_sender",),
        "panic.silent",
        False,
    ),
    Case("unknown account's poll", framed("", token="NULL", account="9999"), "DUH", ("unknown_sender",), None, False),
    Case(
        "an HTTP sender is no account",
        framed("", token="NULL", account="desk"),
        "DUH",
        ("unknown_sender",),
        None,
        False,
    ),
    Case("unknown code", framed("#1234|Nri1/ZZ0017"), "ACK", ("unknown_code",), None, True),
    Case("unmapped Contact ID", framed("#1234|1999 01 017", token="ADM-CID"), "ACK", ("unknown_code",), None, True),
    Case("unreadable data", framed("#1234|1120-01-017", token="ADM-CID"), "ACK", ("unparsed",), None, True),
    Case("empty data", framed(""), "ACK", ("unparsed",), None, True),
    Case("no inner form", GOLDEN[0][:8] + b"", "-", ("unparsed",), None, False),
    Case("unknown token", framed("x", token="SIA-S2K"), "DUH", ("unknown_token",), None, True),
    Case("an answer to nobody", framed("", token="RSP"), "DUH", ("unknown_token",), None, True),
    Case(
        "plain, clock 120 s behind",
        framed("#1234|Nri1/HA0017", at=NOW - timedelta(seconds=120)),
        "ACK",
        ("wrong_clock",),
        "panic.silent",
        True,
    ),
    Case(
        "plain, clock 120 s ahead",
        framed("#1234|Nri1/HA0017", at=NOW + timedelta(seconds=120)),
        "ACK",
        ("wrong_clock",),
        "panic.silent",
        True,
    ),
    Case("plain without a time", framed("#1234|Nri1/HA0017", at=None), "ACK", (), "panic.silent", True),
    Case(
        "encrypted, 41 s old",
        sealed("#AAA1|Nri1/HA0017", at=NOW - timedelta(seconds=41)),
        "NAK",
        ("outside_window",),
        "panic.silent",
        False,
    ),
    Case(
        "encrypted, 21 s ahead",
        sealed("#AAA1|Nri1/HA0017", at=NOW + timedelta(seconds=21)),
        "NAK",
        ("outside_window",),
        "panic.silent",
        False,
    ),
    Case(
        "encrypted, 40 s old",
        sealed("#AAA1|Nri1/HA0017", at=NOW - timedelta(seconds=40)),
        "*ACK",
        (),
        "panic.silent",
        True,
    ),
    Case(
        "encrypted, 20 s ahead",
        sealed("#AAA1|Nri1/HA0017", at=NOW + timedelta(seconds=20)),
        "*ACK",
        (),
        "panic.silent",
        True,
    ),
    Case(
        "encrypted poll outside the window",
        sealed("", token="NULL", at=NOW - timedelta(hours=1)),
        "NAK",
        ("outside_window",),
        None,
        False,
        is_recorded=False,
    ),
    Case("another key", sealed("#AAA1|Nri1/HA0017", key=bytes(16)), "DUH", ("undecryptable",), None, False),
    Case(
        "encrypted without a key of ours", sealed("#1234|HA1", account="1234"), "DUH", ("undecryptable",), None, False
    ),
    Case(
        "encrypted by a stranger",
        sealed("#9|HA1", account="9999"),
        "DUH",
        ("unknown_sender", "undecryptable"),
        None,
        False,
    ),
    Case("no hex text", build("*SIA-DCS", b"0001", b"L0#AAA1", b"xyz")[1:-1], "DUH", ("undecryptable",), None, False),
    Case(
        "plain although a key is set",
        framed("#AAA1|Nri1/HA0017", account="AAA1"),
        "ACK",
        ("not_encrypted",),
        "panic.silent",
        False,
    ),
    Case(
        "plain poll although a key is set",
        framed("", token="NULL", account="AAA1"),
        "ACK",
        ("not_encrypted",),
        None,
        False,
    ),
    Case("an account that is not hex", framed("#foc7688|Nri1/PA1", account="foc7688"), "ACK", (), "panic", True),
    Case("2007 dialect, no L", framed("#1234|Nri1/PA1", address="#1234"), "ACK", (), "panic", True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_case_table(case: Case) -> None:
    found = read(case.raw)
    assert case.flags == found.flags
    assert case.answer == token_of(found.answer)
    assert case.is_recorded == bool(found.events)
    if found.events:
        assert case.kind == found.events[0].kind
    assert case.feeds == found.feeds_link


def test_no_day_or_time_is_a_wrong_clock() -> None:
    raw = frames.build("SIA-DCS", b"0001", b"L0#1234", b"#1234|Nri1/HA0017]_25:61:61,13-32-2026")[1:-1]
    found = read(raw)
    assert ("wrong_clock",) == found.flags
    assert found.occurred_at is None


@pytest.mark.parametrize("address", [b"R00L000#0012", b"#123", b"RFFFFL123456#1234", b"L0#1234", b"R1#12"])
@pytest.mark.parametrize("sequence", [b"0001", b"9999", b"0000"])
def test_the_address_is_echoed_as_it_came(address: bytes, sequence: bytes) -> None:
    for token in ("SIA-DCS", "NULL"):
        found = outer((read(build(token, sequence, address, b"]")[1:-1]).answer or b"")[1:-1])
        assert found is not None
        assert (address, sequence) == (found.address, found.sequence)


def test_a_nak_has_sequence_zero_our_time_and_the_lines_address() -> None:
    late = NOW - timedelta(minutes=5)
    assert b"\n" + GOLDEN[5].replace(b"456C0026", b"") == (
        (read(sealed("#A|HA1", account="AAA1", at=late)).answer or b"")[:1]
        + (read(sealed("#A|HA1", account="AAA1", at=late)).answer or b"")[9:-1].replace(b"#AAA1", b"#1234")
    )
    own = read(sealed("#A|HA1", account="AAA2", at=late)).answer or b""
    assert b'"NAK"0000L0A0[]_05:53:13,11-22-2026\r' == own[9:]


def test_golden_answers() -> None:
    assert b"\n" + GOLDEN[2] + b"\r" == read(GOLDEN[0]).answer
    unknown = dc09.read(GOLDEN[0], Lines(), NOW).answer
    assert b"\n" + GOLDEN[4] + b"\r" == unknown


def test_an_older_key_is_still_taken_and_the_answer_is_in_it() -> None:
    assert "*ACK" == token_of(read(sealed("#AAA1|Nri1/HA0017", key=KEY)).answer)


SIA_ROWS = {
    "panic.silent": "HA", "panic": "PA QA", "restore": "HR HH PR PH QR QH YK", "cancel": "BC OC",
    "point.bypassed": "HB PB QB", "point.fault": "HT HS PT PS QT", "door.forced": "DF DJ", "door.held_open": "DL DM",
    "alarm": "BA UA", "tamper": "TA ES", "link.trouble": "YC YS", "power": "AT YT YM YP",
    "panel.in_test": "TS TP", "panel.programming": "LB RB YG", "panel.normal": "TE LX", "link.test": "RP",
    "test.manual": "RX TX", "fire": "FA", "medical": "MA",
}  # fmt: skip
CID_ROWS = {
    "panic.silent": "122", "panic": "120 123 101", "panic.confirmed": "129", "duress": "121 124 125", "cancel": "406",
    "point.bypassed": "570", "point.fault": "380 381", "door.forced": "423", "door.held_open": "426",
    "alarm": "130 140 150", "tamper": "137 144 145 383", "link.trouble": "350 351 352 353 354 355 356",
    "power": "301 302 311", "panel.in_test": "607", "panel.programming": "627", "link.test": "602",
    "test.manual": "601", "fire": "110", "medical": "100",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, row in SIA_ROWS.items() for code in row.split()])
def test_the_code_table_of_sia(kind: str, code: str) -> None:
    (event,) = read(framed(f"#1234|Nri1/{code}0017")).events
    assert (kind, code, "0017") == (event.kind, event.code, event.point)


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, row in CID_ROWS.items() for code in row.split()])
def test_the_code_table_of_contact_id(kind: str, code: str) -> None:
    (event,) = read(framed(f"#1234|1{code} 01 017", token="ADM-CID")).events
    assert (kind, "1" + code, "017", "1") == (event.kind, event.code, event.point, event.facts["qualifier"])
    (back,) = read(framed(f"#1234|3{code} 01 017", token="ADM-CID")).events
    assert ("panel.normal" if kind.startswith("panel.") else "restore") == back.kind
    (still,) = read(framed(f"#1234|6{code} 01 017", token="ADM-CID")).events
    assert (kind, "6") == (still.kind, still.facts["qualifier"])
    assert ("still_present",) == read(framed(f"#1234|6{code} 01 017", token="ADM-CID")).flags


def test_door_open_by_right_is_not_an_open_door() -> None:
    assert read(framed("#1234|Nri1/DO1")).events[0].kind is None


def test_every_code_of_ours_is_one_of_the_norms() -> None:
    assert set(codes.SIA) <= set(dc03.EVENT)
    assert set(codes.CONTACT_ID) <= set(dc05.EVENT)


def test_facts_text_point_and_time_of_an_event() -> None:
    xdata = "[H05:48:25,11-22-2026][IZimmer 217][R0.17][Vhttp://x/]"
    raw = framed(
        "#1234|ALobby|Nti10:23/id007/ri2/PA0017*3^Empfang ü^/BA5",
        xdata=xdata,
    )
    panic, other = read(raw).events
    assert ("panic", "PA", "0017", "Empfang ü") == (panic.kind, panic.code, panic.point, panic.text)
    assert ("alarm", "BA", "5", "Lobby") == (other.kind, other.code, other.point, other.text)
    assert {
        "sequence": "0001", "prefix": "0", "stamp": "05:53:13,11-22-2026", "H": "05:48:25,11-22-2026", "R": "0.17",
        "V": "http://x/", "time": "10:23", "user": "007", "partition": "2",
    } == panic.facts  # fmt: skip
    assert datetime(2026, 11, 22, 5, 48, 25, tzinfo=UTC) == read(raw).occurred_at


def test_texts_are_utf_8_or_cp1252() -> None:
    for encoding in ("utf-8", "cp1252"):
        raw = build("SIA-DCS", b"0001", b"L0#1234", b"#1234|NHA1][I" + "Bürgerbüro 3 €".encode(encoding) + b"]")[1:-1]
        assert "Bürgerbüro 3 €" == read(raw).events[0].text


def test_a_point_is_named_as_the_line_lists_it() -> None:
    assert "01/017" == read(framed("#5678|1120 01 017", token="ADM-CID", account="5678")).events[0].point
    assert "017" == read(framed("#5678|1120 02 017", token="ADM-CID", account="5678")).events[0].point


def test_more_events_than_a_frame_can_tell_are_said_to_be_unread() -> None:
    found = read(framed("#1234|N" + "/".join(f"PA{number}" for number in range(MAX_EVENTS + 4))))
    assert MAX_EVENTS == len(found.events)
    assert ("unparsed",) == found.flags


@given(
    st.sampled_from([case.raw for case in CASES]), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=6)
)
def test_no_mutation_makes_it_raise(raw: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(raw)
    for place, value in changes:
        if data:
            data[place % len(data)] = value
    found = read(bytes(data))
    assert found.answer is None or outer(found.answer[1:-1]) is not None or b"L0A0" in found.answer


@given(st.binary(max_size=frames.MAX_FRAME))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    assert read(raw).answer is None or raw.count(b'"') >= 2


@given(
    st.binary(max_size=400),
    st.sampled_from(["SIA-DCS", "ADM-CID", "NULL", "XNM", "ADM-HS"]),
    st.sampled_from(["1234", "AAA1", "x"]),
)
def test_no_content_of_an_intact_frame_makes_it_raise(content: bytes, token: str, account: str) -> None:
    found = read(build(token, b"0001", b"L0#" + account.encode(), content)[1:-1])
    assert found.answer is not None
    assert all(len(event.facts) <= 32 for event in found.events)


@given(st.binary(max_size=300))
def test_no_decrypted_content_makes_it_raise(content: bytes) -> None:
    text = padded(b"|" + content + b"]" + stamp_of(NOW))
    found = read(build("*SIA-DCS", b"0001", b"L0#AAA1", aes.encrypt(KEY, text))[1:-1])
    assert found.answer is not None


@given(
    st.integers(0x100, 0xFFFFFF), st.integers(0, 0xFFFF), st.none() | st.integers(0, 0xFFFF), st.integers(1, 9999),
    st.none() | st.sampled_from([16, 24, 32]),
)  # fmt: skip
def test_what_the_oracle_sends_is_read_and_our_answer_is_what_it_expects(
    account: int, prefix: int, receiver: int | None, sequence: int, key_size: int | None
) -> None:
    key = None if key_size is None else bytes(range(key_size))
    peer = Account(acct=account, pref=prefix, rcvr=receiver, key=key)
    raw = NullMessage(peer, timestamp=NOW).encode(seq=sequence, timestamp=NOW, encrypt=key is not None)
    line = Line(protocol="dc09", sender=f"{account:X}".zfill(3), keys=() if key is None else (key.hex(),))
    found = dc09.read(raw[1:-1], Lines([line]), NOW)
    assert () == found.flags
    answer = parse_frame(found.answer, keys=None if key is None else {None: key})
    assert ("ACK", sequence, account) == (answer.idtoken, answer.seq, answer.account.acct)
    assert (key is not None) == answer.encrypted
    if key is not None:
        assert NOW == answer.timestamp
