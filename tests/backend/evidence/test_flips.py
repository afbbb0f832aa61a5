"""A byte changed anywhere in a package is found, and the finding names the file that it lies in."""

import io
import zipfile
from pathlib import Path
from random import Random

import pytest

from backend.evidence import verify
from tests.backend.evidence.cases import alone, nothing
from tests.backend.evidence.story import Story, standard

pytestmark = pytest.mark.slow

SEED = 20261126
POSITIONS = 500
SHARDS = 8


def members(data: bytes) -> list[tuple[str, int, int]]:
    """Name, first byte and end of every part: members with their headers, lines of the directory, its end."""
    parts = []
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        infos = file.infolist()
        start = file.start_dir
    offsets = [info.header_offset for info in infos] + [start]
    parts += [(info.filename, begin, end) for info, begin, end in zip(infos, offsets, offsets[1:], strict=False)]
    for info in infos:
        end = start + 46 + len(info.filename.encode())
        parts.append((info.filename, start, end))
        start = end
    return [*parts, (verify.DIRECTORY, start, len(data))]


def names(place: str, part: str) -> bool:
    """Whether a finding's place says that the part, a member or the directory, is not what it was."""
    name = part.partition("/")[2] or part
    return part in place or place.partition("#")[0].partition(":")[0] == name


def is_found_and_named(data: bytes, at: int, bit: int, part: str, path: Path) -> bool:
    path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
    findings = [one for one in verify.verify(path).findings if one.level == "red"]
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        in_directory = at >= file.start_dir
    own = part.partition("/")[2]
    return any(
        names(one.place, part)
        or one.detail in (f"früher {own}", f"im Dateikopf {part}")
        or (in_directory and one.place == verify.DIRECTORY)
        for one in findings
    )


@pytest.mark.slow
def test_a_bit_flipped_anywhere_is_found_and_its_file_named(tmp_path: Path) -> None:
    """Some positions of every member and every line of the directory, and more by chance."""
    data = standard().build().zipped()
    random, parts = Random(SEED), members(data)
    drawn = [(part, random.randrange(begin, end)) for part, begin, end in parts for _ in range(4)]
    while len(drawn) < POSITIONS:
        at = random.randrange(len(data))
        drawn.append((next(part for part, begin, end in parts if begin <= at < end), at))
    path = tmp_path / "paket.zip"
    missed = [(part, at) for part, at in drawn if not is_found_and_named(data, at, random.randrange(8), part, path)]
    assert missed == []
    assert len(drawn) >= 400


@pytest.mark.slow
@pytest.mark.parametrize("part", ["head", "tail"])
def test_every_bit_of_a_members_headers_counts(part: str, tmp_path: Path) -> None:
    data = tiny().build().zipped()
    name, begin, end = members(data)[1] if part == "head" else members(data)[-1]
    path = tmp_path / "paket.zip"
    limit = begin + 30 + len(name) if part == "head" else end
    missed = [(at, bit) for at in range(begin, limit) for bit in range(8)
              if not is_found_and_named(data, at, bit, name, path)]  # fmt: skip
    assert missed == []


def tiny() -> Story:
    """One clip that is not even part of the package."""
    return alone(nothing)()


@pytest.mark.nightly
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_byte_of_a_tiny_package_counts(shard: int, tmp_path: Path) -> None:
    data = tiny().build().zipped()
    random, path = Random(SEED), tmp_path / "paket.zip"
    missed = [
        (part, at)
        for part, begin, end in members(data)
        for at in range(begin, end)
        if at % SHARDS == shard and not is_found_and_named(data, at, random.randrange(8), part, path)
    ]
    assert missed == []


@pytest.mark.parametrize("cut", [1, 22, 23, 500, 5000, 60_000])
def test_a_package_that_was_cut_off_is_never_green(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "paket.zip"
    path.write_bytes(standard().build().zipped()[:-cut])
    answer = verify.verify(path)
    assert answer.verdict in ("red", "grey")


@pytest.mark.slow
def test_noise_never_breaks_the_verifier(tmp_path: Path) -> None:
    """Many bytes at once, whole stretches zeroed, moved or doubled: always an answer, never a traceback."""
    data = standard().build().zipped()
    random, path = Random(SEED), tmp_path / "paket.zip"
    for _ in range(60):
        noisy = bytearray(data)
        for _ in range(random.randrange(1, 4)):
            at, length = random.randrange(len(data)), random.randrange(1, 3000)
            kind = random.randrange(4)
            stretch = bytes(noisy[at : at + length])
            new = [bytes(len(stretch)), random.randbytes(len(stretch)), stretch * 2, b""][kind]
            noisy[at : at + length] = new
        path.write_bytes(noisy)
        assert verify.verify(path).verdict in ("red", "grey") or bytes(noisy) == data
