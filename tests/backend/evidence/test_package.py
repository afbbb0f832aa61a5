"""What others make of a package: other ZIP readers, `sha256sum`, an old Python, the project's own second code."""

import ast
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from backend.cli import main
from backend.evidence import package, verify
from backend.log import note, rules
from backend.log.canonical import canonical
from sync import entry, envelope, keys
from tests.backend.evidence.story import Story, standard, tiles

pytestmark = pytest.mark.slow

OLD_PYTHON = Path("~/.pyenv/versions/3.9.18/bin/python").expanduser()


def run(python: str | Path, *arguments: str | Path, **environment: str) -> tuple[int, dict]:
    done = subprocess.run(
        [python, *arguments, "--json"], capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.slow
def test_the_verifier_inside_a_package_runs_by_itself(tmp_path: Path) -> None:
    story = standard()
    built = story.build()
    path, top = built.write(tmp_path), built.unpack(tmp_path / "unpacked")
    for what in (path, top):
        code, told = run(sys.executable, "-I", top / "verify.py", what, "--root", story.root.spki_sha256.hex())
        assert (code, told["verdict"], told["signatures_checked"]) == (0, "green", True)


def without_cryptography(folder: Path) -> Path:
    """A verifier that cannot import it."""
    text = package.verifier().decode().replace("from cryptography.", "from no_such_cryptography.")
    path = folder / "verify_without.py"
    path.write_text(text)
    return path


@pytest.mark.slow
def test_without_cryptography_hashes_chains_and_proofs_are_checked_and_the_rest_is_said(tmp_path: Path) -> None:
    story = standard()
    built, verifier = story.build(), without_cryptography(tmp_path)
    code, told = run(sys.executable, "-I", verifier, built.write(tmp_path))
    assert (code, told["verdict"], told["signatures_checked"]) == (2, "yellow", False)
    assert [one["code"] for one in told["findings"] if one["level"] != "info"] == ["signatures_unchecked"]
    name = story.file_of(story.one)
    built.files[name] = built.files[name][:-1]
    code, told = run(sys.executable, "-I", verifier, built.write(tmp_path))
    assert (code, told["findings"][0]["code"]) in ((1, "original_truncated"), (1, "item_not_included"))


@pytest.mark.slow
def test_python_3_9_reads_it(tmp_path: Path) -> None:
    ast.parse(package.verifier(), feature_version=(3, 9))
    if OLD_PYTHON.exists():
        code, told = run(OLD_PYTHON, "-I", Path(verify.__file__), standard().build().write(tmp_path))
        assert (code in (0, 2), told["verdict"] in ("green", "yellow")) == (True, True)


def test_the_verifier_needs_the_standard_library_and_cryptography_only() -> None:
    roots = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(package.verifier()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}
    assert not {node.id for node in ast.walk(ast.parse(package.verifier())) if isinstance(node, ast.Name)} & {
        "eval",
        "exec",
    }


def test_other_readers_open_the_zip(tmp_path: Path) -> None:
    path = standard().build().write(tmp_path)
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert {info.compress_type for info in file.infolist()} == {zipfile.ZIP_STORED}
        assert file.namelist() == sorted(file.namelist())
    if shutil.which("unzip"):
        assert subprocess.run(["unzip", "-tq", path], capture_output=True, check=False).returncode == 0


def test_sha256sum_reads_the_manifests(tmp_path: Path) -> None:
    top = standard().build().unpack(tmp_path)
    for name in (verify.MANIFEST, verify.TAGMANIFEST):
        done = subprocess.run(["sha256sum", "--strict", "-c", name], cwd=top, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (top / "bagit.txt").read_text() == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def test_a_proof_with_the_checkpoint_appended_is_a_whole_tlog_proof() -> None:
    """C2SP tlog-proof: read by the line format of its specification, checked with the log's own code."""
    story = standard()
    files = story.build().files
    checkpoint = note.verified_checkpoint(
        files[verify.CHECKPOINT], story.log_keys.verifier_keys(note.origin_of("musterstadt.example")),
        note.origin_of("musterstadt.example"),
    )  # fmt: skip
    for index, payload in story.payloads.items():
        head, _, rest = (
            (files[f"{verify.PROOFS}{index}.tlog-proof"] + files[verify.CHECKPOINT]).decode().partition("\n\n")
        )
        assert rest == files[verify.CHECKPOINT].decode()
        lines = head.split("\n")
        leaf = sha256(payload).digest()
        assert lines[:3] == ["c2sp.org/tlog-proof@v1", f"extra {b64encode(leaf).decode()}", f"index {index}"]
        path = [verify.unbase64(line) for line in lines[3:]]
        assert rules.verify_inclusion(leaf, index, checkpoint.size, path, checkpoint.root)


def test_the_same_story_is_the_same_package_but_for_signatures() -> None:
    """Nothing in it comes from a clock, a machine or an order of hashing."""
    story = standard()
    parts = story.parts()
    first, second = io.BytesIO(), io.BytesIO()
    for file in (first, second):
        package.finish(package.begin(parts, file), b"{}")
    assert first.getvalue() == second.getvalue()


def test_an_original_of_another_length_is_refused() -> None:
    story = standard()
    parts = story.parts()
    wrong = parts.originals[0]._replace(size=3)
    with pytest.raises(package.SizeDiffers):
        package.begin(parts._replace(originals=[wrong]), io.BytesIO())


@pytest.mark.parametrize(
    ("aktenzeichen", "name"),
    [("12 Js 345/26", "12-Js-345-26"), ("../../x", "x"), ("Ä§\n", "akte"), ("a" * 90, "a" * 40), ("", "akte")],
)
def test_the_top_folder_is_a_name_that_every_system_takes(aktenzeichen: str, name: str) -> None:
    id_ = UUID(int=5)
    assert package.top_folder(aktenzeichen, id_) == f"streife-{name}-{id_}"
    assert verify._is_safe(package.top_folder(aktenzeichen, id_).encode())


# ---- what the verifier computes by itself is what the project computes


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True), inner)
    ),
)


@given(st.dictionaries(st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True), _JSON))
def test_the_form_that_is_written_is_the_form_that_is_read(value: dict) -> None:
    assert verify.canonical(canonical(value)) == value


@given(st.integers(1, 300), st.data())
def test_proofs_of_the_log_lead_to_its_root(size: int, data: st.DataObject) -> None:
    leaves = [sha256(b"%d" % n).digest() for n in range(size)]
    grown = tiles(leaves)
    root, index = rules.root_of(size, grown), data.draw(st.integers(0, size - 1))
    path = [rules.range_hash(part, grown) for part in rules.inclusion_ranges(index, size)]
    assert verify.root_from_path(leaves[index], index, size, path) == root
    assert verify.root_from_path(leaves[index], index, size, [*path, root]) is None
    assert not path or verify.root_from_path(leaves[index], index, size, path[:-1]) is None
    old = data.draw(st.integers(1, size))
    old_root = rules.root_of(old, tiles(leaves[:old]))
    path = [rules.range_hash(part, grown) for part in rules.consistency_ranges(old, size)]
    assert verify.roots_from_consistency(old, size, path, old_root) == (old_root, root)
    assert verify.roots_from_consistency(old, size, [*path, root], old_root) is None
    assert not path or verify.roots_from_consistency(old, size, path[:-1], old_root) != (old_root, root)


def test_chain_seal_and_envelope_are_those_of_the_protocol() -> None:
    story = Story()
    dock_key, source = keys.SourceKey.generate(), story.uuid()
    assert verify.genesis(source, 3, dock_key.spki_sha256.hex()) == entry.genesis_hash(source, 3, dock_key.spki_sha256)
    assert verify.seal_input(source, 3, 9, bytes(32)) == keys.seal_input(source, 3, 9, bytes(32))
    assert verify.pre_authentication(b"{}") == envelope.pre_authentication(b"{}")
    assert verify.RECORD_TYPE == envelope.PAYLOAD_TYPE


class Sparse(io.RawIOBase):
    """A file that keeps the few bytes that are not zero, to write packages of any size."""

    def __init__(self) -> None:
        self.at, self.size, self.kept = 0, 0, {}

    def write(self, data) -> int:
        if len(data) < 1 << 20:
            self.kept[self.at] = bytes(data)
        self.at += len(data)
        self.size = max(self.size, self.at)
        return len(data)

    def tell(self) -> int:
        return self.at

    def seek(self, at: int, whence: int = 0) -> int:
        self.at = at
        return at


@pytest.mark.slow
def test_zip64_fields_stand_exactly_where_a_value_needs_them() -> None:
    file, big = Sparse(), (1 << 32) + 5
    writer = package.ZipWriter(file, "top")
    zeros = bytes(16 << 20)
    pieces = [zeros] * (big // len(zeros)) + [bytes(big % len(zeros))]
    writer._members = []
    writer.add("a", 3, [b"abc"])
    writer.add("b", big, pieces)
    writer.add("c", 3, [b"abc"])
    small, large, far = writer._members
    assert (len(verify.local_header(small)), len(verify.local_header(large))) == (30 + 5, 30 + 5 + 20)
    assert [len(verify.central_header(one)) - 46 - 5 for one in (small, large, far)] == [0, 20, 12]
    writer.close()
    assert file.kept[max(file.kept)].startswith(b"PK\x06\x06")


@pytest.mark.nightly
def test_a_package_beyond_4_gib_is_read_by_others_and_by_the_verifier(tmp_path: Path) -> None:
    path, big = tmp_path / "big.zip", (1 << 32) + 5
    zeros = bytes(16 << 20)
    with path.open("wb+") as file:
        writer = package.ZipWriter(file, "top")
        writer.add("bagit.txt", len(package.BAGIT), [package.BAGIT])
        writer.add("data/originale/001_x", big, [*[zeros] * (big // len(zeros)), bytes(big % len(zeros))])
        writer.add("paket.dsse.json", 2, [b"{}"])
        writer.close()
    with zipfile.ZipFile(path) as file:
        assert [info.file_size for info in file.infolist()] == [len(package.BAGIT), big, 2]
    findings = {one.code for one in verify.verify(path).findings}
    assert not {code for code in findings if code.startswith("zip_")}


@pytest.mark.slow
def test_many_members_need_a_zip64_end(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with path.open("wb+") as file:
        writer = package.ZipWriter(file, "top")
        names = sorted(["bagit.txt", *[f"data/proof/{n}.tlog-proof" for n in range(66_000)]])
        for name in names:
            writer.add(name, 0, [])
        writer.close()
    with zipfile.ZipFile(path) as file:
        assert len(file.namelist()) == 66_001
    report = verify.Report()
    assert len(verify.Contents(path, report).files) == 66_001
    assert report.findings == []


@pytest.mark.slow
def test_noise_in_texts_never_breaks_the_verifier(tmp_path: Path) -> None:
    """Every JSON value of every line becomes something else, one at a time, by an insider: always an answer."""
    random = Random(20261126)
    odd = [None, True, -1, 2**53 - 1, "", "x", [], {}, [None], {"a": {"b": []}}, "9" * 100, "é\u0000"]
    built = standard().build()
    clean = dict(built.files)
    for number in range(150):
        built.files = dict(clean)
        name = random.choice([one for one in clean if one.endswith(("jsonl", ".json"))])
        lines = [json.loads(line) for line in clean[name].splitlines()] or [{}]
        _spoil(random.choice(lines), random, odd)
        text = b"\n".join(verify._encode(line).encode("utf-8", "surrogatepass") for line in lines)
        built.files[name] = text + (b"\n" if name.endswith("l") else b"")
        if number % 2 and name != verify.PAKET:
            built.reseal() if name != verify.KEYS else None
        assert verify.verify(built.write(tmp_path)).verdict in ("red", "yellow", "green", "grey")


@pytest.mark.parametrize("depth", [10, 300, 600, 990, 100_000])
@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}")])
def test_no_depth_of_nesting_breaks_the_verifier(depth: int, pair: tuple[str, str]) -> None:
    payload = ('{"a":' + pair[0] * depth + "1" + pair[1] * depth + "}").encode()
    envelope = {"payload": b64encode(payload).decode(), "payloadType": verify.RECORD_TYPE, "signatures": []}
    report = verify.Report()
    verify.read_record(envelope, "x", 1, report)
    assert {one.code for one in report.findings} <= {"record_not_canonical"}
    assert report.findings or depth < 100_000


def _spoil(value: dict, random: Random, odd: list) -> None:
    key = random.choice(sorted(value) or ["x"])
    if isinstance(value.get(key), dict) and random.random() < 0.7:
        _spoil(value[key], random, odd)
    elif key == "payload" and random.random() < 0.8:
        public = json.loads(verify.unbase64(value[key]))
        _spoil(public, random, odd)
        value[key] = b64encode(verify._encode(public).encode()).decode()
    else:
        value[key] = random.choice(odd)


def test_the_command_line_verifies_as_the_file_does(tmp_path: Path) -> None:
    story = standard()
    path = story.build().write(tmp_path)
    for arguments, code in (([], 0), (["--root", story.root.spki_sha256.hex()], 0), (["--root", "00" * 32], 1)):
        done = CliRunner().invoke(main, ["verify", str(path), *arguments, "--json"])
        assert (done.exit_code, json.loads(done.stdout)["verdict"]) == (code, "red" if code else "green")
