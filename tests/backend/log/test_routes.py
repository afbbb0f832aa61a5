"""The log over HTTP: the answers' shape. What they mean is tested where they are made."""

from base64 import b64decode

import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient

from backend.errors import PROBLEM_MEDIA_TYPE, DomainError
from backend.fields import Actor, uuid7
from backend.log import note, rules, service
from backend.log.routes import router
from tests.backend.log.conftest import DOMAIN, NOW


def problem(_: Request, error: DomainError) -> Response:
    return Response(error.problem(), status_code=error.status, media_type=PROBLEM_MEDIA_TYPE)


@pytest.fixture
def client(sessions):
    dependencies = {"sessions": Provide(lambda: sessions, sync_to_thread=False)}
    with TestClient(Litestar([router], dependencies=dependencies, exception_handlers={DomainError: problem})) as client:
        yield client


def test_the_checkpoint_is_the_signed_note(client, fill, publish, keys):
    assert client.get("/v1/log/checkpoint").status_code == 404
    fill(3)
    publish()
    answer = client.get("/v1/log/checkpoint")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    origin = note.origin_of(DOMAIN)
    assert note.verified_checkpoint(answer.content, keys.verifier_keys(origin), origin).size == 3


def test_tiles_are_bytes_under_their_c2sp_names(client, fill):
    leaves = fill(258)
    answer = client.get("/v1/log/tile/0/001.p/2")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert b"".join(rules.leaf_hash(leaf) for leaf in leaves[256:]) == answer.content
    assert len(client.get("/v1/log/tile/0/000").content) == 8192
    for name in ("0/001", "0/x001/000", "1/001.p/1", "0/..%2f000", "64/000", "99999999999999999999/000", "x/000"):
        assert client.get(f"/v1/log/tile/{name}").status_code == 404


def test_proofs_are_json_with_hashes_in_hex(client, fill, publish, keys):
    leaves = fill(7)
    publish()
    root = b64decode(client.get("/v1/log/checkpoint").text.split("\n")[2])
    proof = client.get("/v1/log/inclusion", params={"leaf": leaves[4].hex()}).json()
    assert {"index": 4, "size": 7, "leaf": leaves[4].hex()} == {k: v for k, v in proof.items() if k != "path"}
    assert rules.verify_inclusion(leaves[4], 4, 7, [bytes.fromhex(part) for part in proof["path"]], root)
    before = rules.root_of(5, rules.grown(0, {}, [rules.leaf_hash(leaf) for leaf in leaves[:5]]))
    proof = client.get("/v1/log/consistency", params={"from": 5, "to": 7}).json()
    assert {k: v for k, v in proof.items() if k != "path"} == {"old": 5, "new": 7}
    assert rules.verify_consistency(5, 7, [bytes.fromhex(part) for part in proof["path"]], before, root)


def test_records_are_served_byte_for_byte(client, sessions):
    with sessions.begin() as session:
        one = service.record(
            session,
            Actor(town=session.info["town"]),
            "clip.viewed",
            "clip-1",
            {"text": "ß\n"},
            now=NOW,
            new_id=uuid7,
            software="streife",
        )
    answer = client.get(f"/v1/log/records/{one.id}").json()
    assert (one.hash.hex(), None) == (answer["hash"], answer["index"])
    assert '"text":"ß\\n"' in answer["public"]
    assert client.get(f"/v1/log/records/{uuid7()}").status_code == 404
    assert client.get("/v1/log/records/1").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("inclusion", 400), ("inclusion?leaf=00", 400), (f"inclusion?leaf={'G' * 64}", 400),
        (f"inclusion?leaf={'0' * 64}%0A", 400), (f"inclusion?leaf={'0' * 64}&size=0", 400),
        (f"inclusion?leaf={'0' * 64}&size=8", 400), (f"inclusion?leaf={'0' * 64}&size={2**63}", 400),
        (f"inclusion?leaf={'0' * 64}", 404), ("consistency", 400), ("consistency?from=0", 400),
        ("consistency?from=6&to=5", 400), ("consistency?from=1&to=8", 400), ("consistency?from=x", 400),
    ],
)  # fmt: skip
def test_bad_questions_are_refused(client, fill, publish, path, status):
    fill(7)
    publish()
    assert status == client.get(f"/v1/log/{path}").status_code
