import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.entry import Entry, check, check_private, from_base64url, genesis_hash, header
from sync.errors import InvalidEntry
from sync.exchange import WireEntry, fold
from sync.keys import verify_seal
from sync.ledger import check_body
from tests.golden.sync import build

FOLDER = Path(build.__file__).parent
NODE = shutil.which("node")


def read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="ascii"))


@pytest.mark.parametrize("name", build.VECTORS)
def test_a_vector_file_says_what_the_code_does(name: str) -> None:
    assert build.text(name) == (FOLDER / f"{name}.json").read_text(encoding="ascii")


@pytest.mark.skipif(NODE is None, reason="Node is not installed")
def test_a_second_implementation_agrees_on_every_vector() -> None:
    run = [str(NODE), str(FOLDER / "check.mjs")]
    result = subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)
    assert (0, "") == (result.returncode, result.stderr)
    assert list(build.VECTORS) == [line.split()[0] for line in result.stdout.splitlines()]


@pytest.mark.skipif(NODE is None, reason="Node is not installed")
@pytest.mark.parametrize("name", build.VECTORS)
def test_the_second_implementation_finds_a_changed_vector(tmp_path: Path, name: str) -> None:
    for file in FOLDER.iterdir():
        if file.suffix in {".json", ".mjs"}:
            shutil.copy(file, tmp_path)
    change = {
        "example": ("669981", "669982"),
        "headers": (',\\"offence.recorded\\",9999,', ',\\"offence.recorded\\",9998,'),
        "bodies": ('"fill": 65528', '"fill": 65529'),
        "chains": ('"v": 2', '"v": 3'),
        "seals": ('"is_good": true', '"is_good": false'),
        "trace": ('"acked": 4', '"acked": 3'),
    }[name]
    path = tmp_path / f"{name}.json"
    path.write_text(path.read_text(encoding="ascii").replace(*change, 1), encoding="ascii")
    run = [str(NODE), str(tmp_path / "check.mjs")]
    assert 1 == subprocess.run(run, capture_output=True, check=False, timeout=120).returncode


@pytest.mark.parametrize("case", read("headers")["good"], ids=lambda case: case["name"])
def test_the_edges_inside_are_taken(case: dict[str, Any]) -> None:
    entry = msgspec.convert(case["entry"], Entry)
    check(entry)
    assert case["header"] == header(entry).decode()


@pytest.mark.parametrize("case", read("headers")["bad"], ids=lambda case: case["name"])
def test_the_edges_outside_are_refused_by_name(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidEntry) as caught:
        check(Entry(**{**case["entry"], "media": tuple(case["entry"]["media"])}))
    assert case["field"] == caught.value.field


def take_body(case: dict[str, Any]) -> None:
    body = bytes.fromhex(case["head"]) + b"x" * case["fill"] + bytes.fromhex(case["tail"])
    check_body(body)
    check_private(bytes(16), body)


@pytest.mark.parametrize("case", read("bodies")["good"], ids=lambda case: case["head"])
def test_good_bodies_are_taken(case: dict[str, Any]) -> None:
    take_body(case)


@pytest.mark.parametrize("case", read("bodies")["bad"], ids=lambda case: case["head"])
def test_bad_bodies_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidEntry) as caught:
        take_body(case)
    assert "body" == caught.value.field


def test_the_chain_comes_out_as_written() -> None:
    it = read("chains")
    genesis = genesis_hash(it["source"], it["incarnation"], bytes.fromhex(it["spki_sha256"]))
    folded = fold(genesis, msgspec.convert(it["entries"], list[WireEntry]))
    assert it["hash_0"] == genesis.hex()
    assert it["headers"] == [header(item.entry).decode() for item in folded]
    assert it["hashes"] == [item.hash.hex() for item in folded]


@pytest.mark.parametrize("case", read("seals")["cases"], ids=lambda case: case["name"])
def test_seals_are_judged_as_written(case: dict[str, Any]) -> None:
    is_good = verify_seal(
        from_base64url(case["spki"]),
        bytes.fromhex(case["seal"]),
        source=case["source"],
        incarnation=case["incarnation"],
        seq=case["seq"],
        head=bytes.fromhex(case["head"]),
    )
    assert case["is_good"] is is_good
