"""A copy is whole, on disk and right, or it is not there."""

import os
import random
from hashlib import sha256
from pathlib import Path

import pytest

from bodycam_dock import copying
from bodycam_dock.copying import PIECE, copy, digests_of, part_of, piece_of
from bodycam_dock.errors import CameraGone, CardChanged, SpoolDamaged, SpoolFull


def a_file(path: Path, size: int, seed: int = 1) -> bytes:
    data = random.Random(seed).randbytes(size)
    path.write_bytes(data)
    return data


def facts(path: Path) -> dict[str, int]:
    state = path.stat()
    return {"size": state.st_size, "mtime_ns": state.st_mtime_ns}


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 777])
def test_a_copy_is_the_same_and_its_pieces_are_hashed(tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "card", tmp_path / "spool"
    data = a_file(source, size)
    digests = copy(source, target, **facts(source))
    assert data == target.read_bytes()
    pieces = [sha256(data[at : at + PIECE]).digest() for at in range(0, size, PIECE)]
    assert (size, sha256(data).digest(), b"".join(pieces)) == (digests.size, digests.sha256, digests.pieces)
    assert digests == digests_of(target) == digests_of(target, cached=False)
    assert pieces == [piece_of(source, at) for at in range(len(pieces))]
    assert not part_of(target).exists()


def test_a_camera_taken_out_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    source, target = tmp_path / "card", tmp_path / "spool"
    a_file(source, 3 * PIECE)
    listed, pieces = facts(source), []

    def unplug() -> None:
        pieces.append(1)
        if len(pieces) == 2:
            raise CameraGone

    with pytest.raises(CameraGone):
        copy(source, target, **listed, go_on=unplug)
    assert [source] == list(tmp_path.iterdir())
    source.unlink()
    with pytest.raises(CameraGone):
        copy(source, target, **listed)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["longer", "shorter", "later"])
def test_a_file_that_is_not_the_listed_one_is_not_copied(tmp_path: Path, change: str) -> None:
    source, target = tmp_path / "card", tmp_path / "spool"
    a_file(source, 100)
    listed = facts(source)
    if change == "later":
        os.utime(source, ns=(0, listed["mtime_ns"] + 1))
    else:
        source.write_bytes(b"x" * (101 if change == "longer" else 99))
        os.utime(source, ns=(0, listed["mtime_ns"]))
    with pytest.raises(CardChanged):
        copy(source, target, **listed)
    assert [source] == list(tmp_path.iterdir())


def test_a_file_that_grows_while_it_is_copied_is_not_taken(tmp_path: Path) -> None:
    source, target = tmp_path / "card", tmp_path / "spool"
    a_file(source, 2 * PIECE)

    def grow() -> None:
        with source.open("ab") as file:
            file.write(b"more")

    with pytest.raises(CardChanged):
        copy(source, target, **facts(source), go_on=grow)
    assert [source] == list(tmp_path.iterdir())


def test_a_link_on_a_card_leads_nowhere(tmp_path: Path) -> None:
    secret, source = tmp_path / "secret", tmp_path / "card"
    a_file(secret, 10)
    source.symlink_to(secret)
    with pytest.raises(CameraGone):
        copy(source, tmp_path / "spool", **facts(secret))


def test_a_disk_that_gives_back_other_bytes_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real medium that lies once is copied to again; one that lies twice is said to be broken."""
    source, target = tmp_path / "card", tmp_path / "spool"
    a_file(source, PIECE + 5)
    real, lies = copying._sync, [2]

    def rot(handle: int) -> None:
        real(handle)
        if lies[0]:
            lies[0] -= 1
            part = part_of(target)
            part.write_bytes(b"\0" + part.read_bytes()[1:])

    monkeypatch.setattr(copying, "_sync", rot)
    with pytest.raises(SpoolDamaged):
        copy(source, target, **facts(source))
    assert [source] == list(tmp_path.iterdir())
    lies[0] = 1
    copy(source, target, **facts(source))
    assert source.read_bytes() == target.read_bytes()


def test_a_spool_without_room_takes_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "card", tmp_path / "spool"
    a_file(source, 100)
    with pytest.raises(SpoolFull):
        copy(source, target, **facts(source), reserve=2**60)
    assert [source] == list(tmp_path.iterdir())
