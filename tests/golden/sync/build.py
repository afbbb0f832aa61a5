"""Writes the vectors of this folder. Run it from the project's root: `python -m tests.golden.sync.build`.

Everything is fixed: RFC 6979's test key, deterministic signatures, seeded salts. A diff in a vector is a change of the
protocol and is reviewed as one.
"""

import json
import random
import tempfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from sync import keys
from sync.client import Client
from sync.enrolment import Lease
from sync.entry import (
    Entry,
    base64url,
    chain_hash,
    commitment,
    genesis_hash,
    header,
    media_commitment,
    parse_instant,
)
from sync.errors import SyncError
from sync.exchange import WireEntry, WireMedia, fold
from sync.journal import Journal
from sync.ledger import Draft
from sync.pulled import SnapshotPage
from sync.server import Server
from tests.sync.samples import NOW, RFC6979, SOURCE, rfc6979_key, uuid7, wire_entry

HERE = Path(__file__).parent
KEY = rfc6979_key()
#: Order of P-256's group: s and n − s are both good.
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
EXAMPLE = {
    "seq": 1,
    "id": "019cee2d-0285-7c3a-9d21-5b0e8f7a6c42",
    "kind": "offence.recorded",
    "v": 1,
    "recorded_at": "2026-03-14T21:07:33.125Z[Europe/Berlin]",
    "media": ["8bf07f8ed024f5c7845eb826d5fa218d9d6d07a791a6812be01de12da950e0fb"],
    "commitment": "669981459405faaa00771a0c7dd7921d7ffe526d7845af62d2622d9992ed16f7",
}


def sign(message: bytes) -> bytes:
    key = derive_private_key(RFC6979, SECP256R1())
    r, s = decode_dss_signature(key.sign(message, ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def example() -> dict[str, Any]:
    """design/sync.md 2.4, the first vector."""
    salt = bytes(range(16))
    body = '{"tbnr":"141312","plate":"MO-AB 123","street":"Mühlenstraße","amount_cent":2500}'
    entry = msgspec.convert(EXAMPLE, Entry)
    genesis = genesis_hash(SOURCE, 1, KEY.spki_sha256)
    head = chain_hash(genesis, header(entry))
    assert entry.commitment == commitment(salt, body.encode())
    assert entry.media == (media_commitment(salt, sha256(b"photo").digest()),)
    return {
        "source": SOURCE,
        "incarnation": 1,
        "spki": base64url(KEY.spki),
        "spki_sha256": KEY.spki_sha256.hex(),
        "genesis": f'["streife.journal.1","{SOURCE}",1,"{KEY.spki_sha256.hex()}"]',
        "hash_0": genesis.hex(),
        "salt": salt.hex(),
        "body": body,
        "photo": b"photo".hex(),
        "entry": EXAMPLE,
        "header": header(entry).decode(),
        "hash_1": head.hex(),
        "seal_input": keys.seal_input(SOURCE, 1, 1, head).decode(),
        "seal": "c70f8fd7e2c909db231526769b41a423f42eccc55bf85648876d36068eb4d466"
        "520ef1506940262af87009b84ff879dd8d35dd404a49e6b46fa7d4d9cbe5483c",
    }


def headers() -> dict[str, Any]:
    """The edges of each field of 2.1, inside and outside."""
    inside: dict[str, dict[str, Any]] = {
        "as in 2.4": {},
        "highest seq": {"seq": 2**53 - 1},
        "highest v": {"v": 9999},
        "longest kind of three": {"kind": ".".join(["a" + "_" * 29 + "9"] * 3)},
        "no media": {"media": []},
        "32 media": {"media": [f"{number:064x}" for number in range(32)]},
        "zone of one character": {"recorded_at": "2026-03-14T21:07:33.125Z[Z]"},
        "zone of 40 characters": {"recorded_at": f"2026-03-14T21:07:33.125Z[{'A/_+-9' * 6}abcd]"},
        "first instant": {"recorded_at": "0001-01-01T00:00:00.000Z[UTC]"},
        "last instant": {"recorded_at": "9999-12-31T23:59:59.999Z[UTC]"},
        "leap day": {"recorded_at": "2028-02-29T00:00:00.000Z[UTC]"},
    }
    outside: list[tuple[str, str, Any]] = [
        ("seq of 0", "seq", 0),
        ("seq of 2^53", "seq", 2**53),
        ("seq as text", "seq", "1"),
        ("seq as truth", "seq", True),
        ("seq with a fraction", "seq", 1.5),
        ("id in upper case", "id", EXAMPLE["id"].upper()),  # type: ignore[attr-defined]
        ("id of version 4", "id", "019cee2d-0285-4c3a-9d21-5b0e8f7a6c42"),
        ("id of another variant", "id", "019cee2d-0285-7c3a-cd21-5b0e8f7a6c42"),
        ("id with a newline at its end", "id", f"{EXAMPLE['id']}\n"),
        ("kind of one name", "kind", "offence"),
        ("kind of four names", "kind", "a.b.c.d"),
        ("kind with a long name", "kind", "a." + "b" * 32),
        ("kind with a digit first", "kind", "a.1"),
        ("kind with an umlaut", "kind", "maß.erfasst"),
        ("kind with a lone surrogate", "kind", "a.\ud800"),
        ("kind with NUL", "kind", "a.\0"),
        ("kind with a quotation mark", "kind", 'a."'),
        ("kind with a newline at its end", "kind", "offence.recorded\n"),
        ("v of 0", "v", 0),
        ("v of 10000", "v", 10000),
        ("time without zone", "recorded_at", "2026-03-14T21:07:33.125Z"),
        ("time with an offset", "recorded_at", "2026-03-14T21:07:33.125+00:00[Europe/Berlin]"),
        ("time without milliseconds", "recorded_at", "2026-03-14T21:07:33Z[Europe/Berlin]"),
        ("time with microseconds", "recorded_at", "2026-03-14T21:07:33.125000Z[Europe/Berlin]"),
        ("time in Arabic digits", "recorded_at", "٢٠٢٦-03-14T21:07:33.125Z[Europe/Berlin]"),
        ("time with a newline at its end", "recorded_at", "2026-03-14T21:07:33.125Z[Europe/Berlin]\n"),
        ("empty zone", "recorded_at", "2026-03-14T21:07:33.125Z[]"),
        ("zone of 41 characters", "recorded_at", f"2026-03-14T21:07:33.125Z[{'a' * 41}]"),
        ("zone with an umlaut", "recorded_at", "2026-03-14T21:07:33.125Z[Europe/Köln]"),
        ("30 February", "recorded_at", "2026-02-30T21:07:33.125Z[UTC]"),
        ("hour 24", "recorded_at", "2026-03-14T24:00:00.000Z[UTC]"),
        ("second 60", "recorded_at", "2016-12-31T23:59:60.000Z[UTC]"),
        ("year 0", "recorded_at", "0000-01-01T00:00:00.000Z[UTC]"),
        ("33 media", "media", ["0" * 64] * 33),
        ("media in upper case", "media[1]", ["0" * 64, "A" * 64]),
        ("commitment of 63 digits", "commitment", "0" * 63),
        ("commitment with a newline at its end", "commitment", "0" * 64 + "\n"),
    ]
    good = []
    for name, changes in inside.items():
        fields = EXAMPLE | changes
        good.append({"name": name, "entry": fields, "header": header(msgspec.convert(fields, Entry)).decode()})
    bad = [
        {"name": name, "entry": EXAMPLE | {field.partition("[")[0]: value}, "field": field}
        for name, field, value in outside
    ]
    return {"good": good, "bad": bad}


def bodies() -> dict[str, Any]:
    """What a body may be: `head` in hex (some are no UTF-8), then `fill` times `x`, then `tail` in hex."""
    umlauts = '{"straße":"Mühlenstraße"}'.encode()
    good = [b"{}", umlauts, b'{"a":"\\u00fc"}', b'{ "b" : 1e2, "b" : 1 }\n', b'{"a":"\\u0000"}']
    bad = [b"", b"[]", b"null", b' {"a":1}', b"\xef\xbb\xbf{}", b'{"a":1}x', b'{"a":"\xff"}', b'{"a":["\\ud800"]}']

    def body(head: bytes, fill: int = 0, tail: bytes = b"") -> dict[str, Any]:
        return {"head": head.hex(), "fill": fill, "tail": tail.hex()}

    return {
        "good": [*map(body, good), body(b'{"a":"', 65_536 - 8, b'"}')],
        "bad": [*map(body, bad), body(b'{"a":"', 65_536 - 7, b'"}')],
    }


def chains() -> dict[str, Any]:
    """A chain as sent, the hash of each entry, and what becomes of the last hash when anything is changed."""
    wires = [wire_entry(seq) for seq in range(1, 6)]
    wires[1] = msgspec.structs.replace(wires[1], media=())
    wires[3] = msgspec.structs.replace(wires[3], body='{"emoji":"👮","quote":"\\"","line":"a\\nb"}', v=2)
    genesis = genesis_hash(SOURCE, 3, KEY.spki_sha256)
    folded = fold(genesis, wires)
    return {
        "source": SOURCE,
        "incarnation": 3,
        "spki_sha256": KEY.spki_sha256.hex(),
        "hash_0": genesis.hex(),
        "entries": msgspec.to_builtins(wires),
        "headers": [header(item.entry).decode() for item in folded],
        "hashes": [item.hash.hex() for item in folded],
    }


def seals() -> dict[str, Any]:
    """Seals that verify and seals that do not, and the bytes that other signatures cover."""
    head = bytes.fromhex(example()["hash_1"])
    good = sign(keys.seal_input(SOURCE, 1, 1, head))
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    other = keys.SourceKey(derive_private_key(7, SECP256R1()))

    def case(name: str, seal: bytes, *, is_good: bool = False, **changes: Any) -> dict[str, Any]:
        fields = {"source": SOURCE, "incarnation": 1, "seq": 1, "head": head.hex(), "spki": base64url(KEY.spki)}
        return {"name": name, **fields, **changes, "seal": seal.hex(), "is_good": is_good}

    now, code = "2026-03-14T21:07:33.125Z", "AAECAwQFBgcICQoLDA0ODw"
    return {
        "cases": [
            case("good", good, is_good=True),
            case("the other s, good too: never compare seals", good[:32] + (N - s).to_bytes(32, "big"), is_good=True),
            case("as in 2.4", bytes.fromhex(example()["seal"]), is_good=True),
            case("first bit flipped", bytes([good[0] ^ 128]) + good[1:]),
            case("last bit flipped", good[:-1] + bytes([good[-1] ^ 1])),
            case("DER", encode_dss_signature(r, s)),
            case("63 bytes", good[:-1]),
            case("65 bytes", good + b"\0"),
            case("nothing", b""),
            case("zeros", bytes(64)),
            case("another key", good, spki=base64url(other.spki)),
            case("another source", good, source=SOURCE.replace("019", "018")),
            case("another incarnation", good, incarnation=2),
            case("another seq", good, seq=2),
            case("another head", good, head=bytes(32).hex()),
        ],
        "inputs": {
            "enrol": {
                "code": code,
                "spki_sha256": KEY.spki_sha256.hex(),
                "input": keys.enrol_input(code, KEY.spki_sha256).decode(),
            },
            "lease": {
                "source": SOURCE,
                "incarnation": 2,
                "now": now,
                "input": keys.lease_input(SOURCE, 2, now).decode(),
            },
            "control": {
                "source": SOURCE,
                "do": "wipe",
                "until": "",
                "input": keys.control_input(SOURCE, "wipe").decode(),
            },
        },
    }


def trace() -> dict[str, Any]:
    """A journal's life: what happens to it, the exact bytes it sends, and where it stands after each step."""
    with tempfile.TemporaryDirectory() as folder:
        rng = random.Random(42)
        made = Journal.create(
            Path(folder) / "journal.db", SOURCE, 1, KEY.spki_sha256, reserve_bytes=0, random_bytes=rng.randbytes
        )
        with closing(made) as journal:
            return {
                "app": "golden 1.0",
                "schema": 1,
                "source": SOURCE,
                "incarnation": 1,
                "spki_sha256": KEY.spki_sha256.hex(),
                "steps": _Life(journal).steps(),
            }


class _Life:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._answer: dict[str, Any] = {}
        self._sent = b""
        http = httpx.Client(transport=httpx.MockTransport(self._serve))
        lease = Lease(token="t", expires_at="2026-03-15T21:07:33.125Z")
        self._client = Client(
            Server("http://town.test", http),
            journal,
            KEY,
            app="golden 1.0",
            schema=1,
            take_lease=lambda: lease,
            clock=lambda: NOW,
        )
        self._client._is_plain = True

    def steps(self) -> list[dict[str, Any]]:
        put = {"op": "put", "type": "job", "body": {"text": "Müllablagerung"}}
        held = {"seq": 2, "verdict": "held", "code": "unknown_kind", "text": "held.unknown_kind"}
        schema = {"scope": "me", "reason": "schema"}
        page = {"type": "job", "id": "b", "rev": 4, "body": {"text": "x"}}
        return [
            self.append(1, 2, 3),
            self.append(2),
            self.exchange(
                last_seq=3,
                verdicts=[held],
                cursor="c1",
                changes=[{**put, "scope": "self", "id": "a", "rev": 2}, {**put, "scope": "self", "id": "a", "rev": 1}],
                resets=[{"scope": "me", "reason": "new"}, {"scope": "town", "reason": "new"}],
            ),
            self.page("me", rows=[page], after="k1"),
            self.exchange(last_seq=3, cursor="c2", resets=[{"scope": "me", "reason": "new"}]),
            self.page("me", rows=[{**page, "id": "c"}], join="j1"),
            self.append(4),
            self.exchange(
                last_seq=4,
                durable_seq=2,
                cursor="c3",
                changes=[
                    {**put, "scope": "me", "id": "a", "rev": 3},
                    {"scope": "me", "op": "drop", "type": "job", "id": "b", "rev": 5},
                    {"scope": "town", "op": "delete", "type": "job", "id": "c", "rev": 5},
                ],
                resets=[{"scope": "town", "reason": "closed"}],
            ),
            self.horizon(),
            self.append(5),
            self.exchange(last_seq=2, stop={"code": "gap", "expected": 3}),
            self.exchange(last_seq=5, durable_seq=2, verdicts=[{**held, "seq": 5}]),
            self.exchange(
                last_seq=5, durable_seq=2, changes=[{"scope": "me", "op": "purge", "type": "job", "id": "a", "rev": 9}]
            ),
            self.exchange(epoch="two", last_seq=4, durable_seq=3),
            self.exchange(epoch="two", last_seq=4, durable_seq=3, stop={"code": "fork", "seq": 4}),
            self.append(6),
            self.renew(2),
            self.exchange(epoch="two", last_seq=3, cursor="c9"),
            self.page("me", rows=[], join="j2"),
            self.exchange(epoch="two", last_seq=3, durable_seq=3, resets=[{**schema, "types": ["case"]}]),
            self.append(7),
            self.exchange(
                epoch="two", last_seq=3, stop={"code": "revoked", "since": "2026-03-14T21:07:33.125Z", "reason": "lost"}
            ),
        ]

    def append(self, *numbers: int) -> dict[str, Any]:
        drafts = [
            Draft(
                id=uuid7(number),
                kind="offence.recorded",
                v=1,
                recorded_at=f"2026-03-14T21:07:3{number}.125Z[Europe/Berlin]",
                body=f'{{"number":{number},"street":"Mühlenstraße","quote":"\\"\\n"}}'.encode(),
                media=tuple(
                    WireMedia(sha256=sha256(b"%d" % item).hexdigest(), size=item, type="image/jpeg")
                    for item in range(number % 3)
                ),
            )
            for number in numbers
        ]
        before = self._journal.state().head_seq
        entries = self._journal.append_many(drafts)
        with self._journal._store.reading() as db:
            salts = [
                db.execute("SELECT salt FROM entry WHERE seq = ?", (entry.seq,)).fetchone()[0] for entry in entries
            ]
        given = []
        for draft, entry, salt in zip(drafts, entries, salts, strict=True):
            fields = {"id": draft.id, "kind": draft.kind, "v": draft.v, "recorded_at": draft.recorded_at}
            private = {"media": msgspec.to_builtins(draft.media), "body": draft.body.decode()}
            # A repeated draft brings no new salt: its entry is there already.
            given.append({**fields, **private, "salt": base64url(salt) if entry.seq > before else None})
        return self._step("append", drafts=given)

    def exchange(self, **answer: Any) -> dict[str, Any]:
        base: dict[str, Any] = {"now": "2026-03-14T21:07:40.000Z", "epoch": "one", "schema": 1, "durable_seq": None}
        base |= {"verdicts": [], "changes": [], "more": False, "resets": [], "control": []}
        self._answer, self._sent = base | answer, b""
        try:
            self._client.exchange_once()
        except SyncError as error:
            print(f"  {type(error).__name__}: {error}")
        text, has_seal, _ = self._sent.decode().partition(',"seal":"')
        step = self._step("exchange", now="2026-03-14T21:07:33.125Z", request=text + "}" if has_seal else text)
        if has_seal:
            asked = json.loads(self._sent)
            folded = fold(bytes.fromhex(asked["prev"]), msgspec.json.decode(self._sent, type=_Sent).entries)
            seal_input = keys.seal_input(SOURCE, asked["incarnation"], folded[-1].entry.seq, folded[-1].hash)
            step["seal_input"] = seal_input.decode()
        return {**step, "answer": self._answer, "after": step["after"]}

    def page(self, scope: str, **page: Any) -> dict[str, Any]:
        self._journal.take_page(scope, msgspec.json.decode(json.dumps(page), type=SnapshotPage))
        return self._step("page", scope=scope, page=page)

    def horizon(self) -> dict[str, Any]:
        now = "2026-03-14T22:07:40.000Z"
        self._journal.horizon(parse_instant(now))
        return self._step("horizon", now=now)

    def renew(self, incarnation: int) -> dict[str, Any]:
        digest = sha256(b"another key").digest()
        self._journal.renew(incarnation, digest)
        return self._step("renew", incarnation=incarnation, spki_sha256=digest.hex())

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self._sent = request.content
        return httpx.Response(200, json=self._answer)

    def _step(self, do: str, **given: Any) -> dict[str, Any]:
        journal, state = self._journal, self._journal.state()
        with journal._store.reading() as db:
            pulled = db.execute("SELECT scope, type, id, rev, body FROM pulled ORDER BY scope, type, id").fetchall()
            bodies = db.execute("SELECT seq, body FROM entry WHERE body NOT NULL ORDER BY seq").fetchall()
        after = {
            "incarnation": state.incarnation,
            "head_seq": state.head_seq,
            "head": state.head.hex(),
            "acked": state.acked,
            "durable": state.durable,
            "erased": state.erased,
            "epoch": state.epoch,
            "cursor": state.cursor,
            "standing": state.standing,
            "reason": state.standing_reason,
            "verdicts": [
                msgspec.to_builtins(verdict)
                for seq in range(1, state.head_seq + 1)
                if (verdict := journal.verdict(seq))
            ],
            "bodies": [seq for seq, _ in bodies],
            "holds": list(journal.holds()),
            "wanted": [msgspec.to_builtins(item) for item in journal.wanted()],
            "joins": [msgspec.to_builtins(item) for item in journal.joins()],
            "pulled": [[scope, type_, id_, rev, json.loads(body)] for scope, type_, id_, rev, body in pulled],
        }
        return {"do": do, **given, "after": after}


class _Sent(msgspec.Struct):
    entries: tuple[WireEntry, ...]


VECTORS = {"example": example, "headers": headers, "bodies": bodies, "chains": chains, "seals": seals, "trace": trace}


def text(name: str) -> str:
    """A vector file as it is written: ASCII, so that no editor or checkout changes what it says."""
    return json.dumps(VECTORS[name](), indent=1) + "\n"


if __name__ == "__main__":
    for vector in VECTORS:
        print(vector)
        (HERE / f"{vector}.json").write_text(text(vector), encoding="ascii")
