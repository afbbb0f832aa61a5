import msgspec
import pytest
from msgspec import UNSET, Raw

from sync.entry import chain_hash, check, commitment, from_base64url, header, media_commitment, parse_recorded_at
from sync.errors import InvalidEntry
from sync.exchange import (
    Change,
    ExchangeRequest,
    ExchangeResponse,
    Stop,
    Verdict,
    WireMedia,
    check_request,
    fold,
    private_parts,
    to_entry,
)
from tests.sync.samples import wire_entries, wire_entry

IDLE = ExchangeRequest(incarnation=1, app="kod 1.0", schema=1, now="2026-03-14T21:07:33.125Z", last_seq=0)


def test_an_idle_request_has_no_unset_members() -> None:
    sent = msgspec.json.encode(IDLE)
    assert b'{"incarnation":1,"app":"kod 1.0","schema":1,"now":"2026-03-14T21:07:33.125Z","last_seq":0}' == sent
    assert IDLE == msgspec.json.decode(sent, type=ExchangeRequest)


def test_unknown_members_are_ignored_in_both_directions() -> None:
    sent = msgspec.json.encode(IDLE)[:-1] + b',"new":{"a":[1]}}'
    assert IDLE == msgspec.json.decode(sent, type=ExchangeRequest)
    answer = (
        b'{"now":"2026-03-14T21:07:33.125Z","epoch":"e","schema":1,"last_seq":0,"durable_seq":null,"verdicts":[],"changes":[],'
        b'"more":false,"resets":[],"control":[],"stop":{"code":"gap","expected":3,"why":1},"new":1}'
    )
    assert Stop(code="gap", expected=3) == msgspec.json.decode(answer, type=ExchangeResponse).stop


def test_a_stored_body_travels_without_being_encoded_again() -> None:
    body = b'{ "b":1e2, "a":"\xc3\xbc" }'
    change = Change(scope="me", op="put", type="job", id="1", rev=1, body=Raw(body))
    sent = msgspec.json.encode(change)
    assert b'{"scope":"me","op":"put","type":"job","id":"1","rev":1,"body":' + body + b"}" == sent
    back = msgspec.json.decode(sent, type=Change)
    assert isinstance(back.body, Raw)
    assert body == bytes(back.body)


def test_absent_members_of_an_answer_are_not_written() -> None:
    assert b'{"seq":1,"verdict":"held","code":"unknown_kind"}' == msgspec.json.encode(
        Verdict(seq=1, verdict="held", code="unknown_kind")
    )


@pytest.mark.parametrize(
    "member",
    [
        '"seal":"AAAA"',
        '"prev":"' + "a" * 64 + '\\n"',
        '"holds":["me\\n"]',
        '"cursor":""',
        '"tries":-1',
        '"last_seq":9007199254740992',
        '"entries":[' + ",".join(['{"seq":1}'] * 101) + "]",
        '"app":"\\u0000"',
        '"app":"\\ud800"',
    ],
)
def test_an_envelope_out_of_bounds_is_unreadable(member: str) -> None:
    sent = msgspec.json.encode(IDLE)[:-1] + b"," + member.encode() + b"}"
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(sent, type=ExchangeRequest)


def test_prev_and_seal_stand_exactly_beside_entries() -> None:
    check_request(IDLE)
    whole = msgspec.structs.replace(IDLE, entries=(wire_entry(),), prev="a" * 64, seal="A" * 86)
    check_request(whole)
    for change, member in (({"prev": UNSET}, "prev"), ({"seal": UNSET}, "seal"), ({"entries": ()}, "prev")):
        with pytest.raises(InvalidEntry) as caught:
            check_request(msgspec.structs.replace(whole, **change))
        assert member == caught.value.field


def test_a_clock_out_of_its_form_is_named() -> None:
    with pytest.raises(InvalidEntry) as caught:
        check_request(msgspec.structs.replace(IDLE, now="2026-13-14T21:07:33.125Z"))
    assert "now" == caught.value.field


def test_the_server_computes_what_the_source_chained() -> None:
    first, second = wire_entries(1, 2)
    folded = fold(bytes(32), [first, second])
    salt, body = private_parts(first)
    assert (salt, body) == (from_base64url(first.salt), first.body.encode())
    entry = to_entry(first, salt, body)
    check(entry)
    assert commitment(salt, body) == entry.commitment
    assert (media_commitment(salt, bytes.fromhex(first.media[0].sha256)),) == entry.media
    assert (entry, salt, body, chain_hash(bytes(32), header(entry))) == folded[0][:4]
    assert parse_recorded_at(entry.recorded_at) == folded[0][4:]
    assert chain_hash(folded[0].hash, header(folded[1].entry)) == folded[1].hash


MEDIA = WireMedia(sha256="a" * 64, size=0, type="image/jpeg")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"salt": "AAAA"}, "salt"),
        ({"salt": "=" * 22}, "salt"),
        ({"body": "[]"}, "body"),
        ({"body": "{" + "ü" * 32_768}, "body"),
        ({"body": "{\ud800}"}, "body"),
        ({"media": (MEDIA,) * 33}, "media"),
        ({"media": (MEDIA, WireMedia(sha256="A" * 64, size=0, type="image/jpeg"))}, "media[1].sha256"),
        ({"media": (WireMedia(sha256="a" * 64, size=-1, type="image/jpeg"),)}, "media[0].size"),
        ({"media": (WireMedia(sha256="a" * 64, size=1, type="image/jpeg\n"),)}, "media[0].type"),
        ({"kind": "offence.recorded\n"}, "kind"),
        ({"seq": 3}, "seq"),
    ],
)
def test_a_bad_entry_is_named_by_its_place_in_the_batch(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidEntry) as caught:
        fold(bytes(32), [wire_entry(1), wire_entry(**({"seq": 2} | changes))])  # type: ignore[arg-type]
    assert f"entries[1].{field}" == caught.value.field
