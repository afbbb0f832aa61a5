"""A card's file on the dock's disk: copied, hashed on the way, read back from the disk, and only then in its place."""

import errno
import mmap
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct

from bodycam_dock.errors import CameraGone, CardChanged, SpoolDamaged, SpoolFull
from bodycam_dock.volume import free_bytes

# design/evidence.md 3: a file's pieces.
PIECE: Final = 4 * 1024 * 1024


class Digests(Struct, frozen=True, kw_only=True):
    """What a file is: its length, its SHA-256, and the SHA-256 of each 4 MiB piece, joined; an empty file has none."""

    size: int
    sha256: bytes
    pieces: bytes

    def piece(self, index: int) -> bytes:
        """The 32 bytes of one piece."""
        return self.pieces[32 * index : 32 * index + 32]

    @property
    def count(self) -> int:
        """How many pieces."""
        return len(self.pieces) // 32


def copy(
    source: Path,
    target: Path,
    *,
    size: int,
    mtime_ns: int,
    reserve: int = 0,
    go_on: Callable[[], None] = lambda: None,
) -> Digests:
    """`target` holds the bytes of `source`, is on disk under its name, and was read back from the disk.

    Until then it is `<target>.part`, which is gone again where this raises. `go_on` is called after each piece and may
    raise to end it. `size` and `mtime_ns` are what the card listed; the source is never written.

    Raises:
        CameraGone: the source cannot be read to its end.
        CardChanged: it is not the file that was listed.
        SpoolFull: less than `reserve` bytes would be left.
        SpoolDamaged: the disk gave back other bytes, twice.
    """
    if free_bytes(target.parent) < size + reserve:
        raise SpoolFull(f"{size} bytes do not fit")
    part = part_of(target)
    try:
        digests = _copy(source, part, size, mtime_ns, go_on)
        if digests_of(part, cached=False) != digests:
            digests = _copy(source, part, size, mtime_ns, go_on)
            _check_read_back(part, digests)
        part.rename(target)
        sync_folder(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return digests


def write_whole(data: bytes, target: Path, *, reserve: int = 0) -> Digests:
    """`target` holds `data` and is on disk under its name. Raises as `copy`."""
    if free_bytes(target.parent) < len(data) + reserve:
        raise SpoolFull(f"{len(data)} bytes do not fit")
    part = part_of(target)
    try:
        handle = _created(part)
        try:
            _write(handle, memoryview(data))
            _sync(handle)
        finally:
            os.close(handle)
        part.rename(target)
        sync_folder(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return digests_of(target)


def part_of(target: Path) -> Path:
    """Where a file lies until it is whole."""
    return target.with_name(f"{target.name}.part")


def digests_of(path: Path, *, cached: bool = True) -> Digests:
    """The digests of a file. With `cached` false it is read from the disk, past the page cache.

    Raises:
        OSError: it cannot be read.
    """
    hasher = _Hasher()
    handle = os.open(path, os.O_RDONLY) if cached else _open_past_cache(path)
    try:
        view = memoryview(mmap.mmap(-1, PIECE))  # O_DIRECT wants whole pages
        while count := _read_piece(handle, view):
            hasher.add(view[:count])
    finally:
        os.close(handle)
    return hasher.digests()


def piece_of(path: Path, index: int) -> bytes:
    """SHA-256 of one 4 MiB piece of a file; of nothing behind its end."""
    with path.open("rb") as file:
        file.seek(index * PIECE)
        return sha256(file.read(PIECE)).digest()


def sync_folder(folder: Path) -> None:
    """New and changed names in it are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_read_back(part: Path, digests: Digests) -> None:
    if digests_of(part, cached=False) != digests:
        raise SpoolDamaged("what was read back differs from what was written")


class _Hasher:
    def __init__(self) -> None:
        self._whole = sha256()
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: memoryview) -> None:
        self._whole.update(piece)
        self._pieces.append(sha256(piece).digest())
        self.size += len(piece)

    def digests(self) -> Digests:
        return Digests(size=self.size, sha256=self._whole.digest(), pieces=b"".join(self._pieces))


def _copy(source: Path, part: Path, size: int, mtime_ns: int, go_on: Callable[[], None]) -> Digests:
    hasher = _Hasher()
    with _opened_source(source, size, mtime_ns) as card:
        spool = _created(part)
        try:
            view = memoryview(bytearray(PIECE))
            while count := card.read_into(view):
                hasher.add(view[:count])
                if hasher.size > size:
                    raise CardChanged("longer than it was listed")  # one that grows would never end
                _write(spool, view[:count])
                go_on()
            card.check()
            _sync(spool)
        finally:
            os.close(spool)
    digests = hasher.digests()
    if digests.size != size:
        raise CardChanged(f"{digests.size} bytes were read, {size} were listed")
    return digests


class _opened_source:  # noqa: N801 - used as a block
    """The card's file, open; its errors are the camera's."""

    def __init__(self, path: Path, size: int, mtime_ns: int) -> None:
        self._path, self._listed = path, (size, mtime_ns)
        self._handle = -1

    def __enter__(self) -> "_opened_source":
        try:
            self._handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise CameraGone(f"cannot be opened: {error.strerror}") from error
        self.check()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def check(self) -> None:
        try:
            found = os.fstat(self._handle)
        except OSError as error:
            raise CameraGone(f"cannot be looked at: {error.strerror}") from error
        if (found.st_size, found.st_mtime_ns) != self._listed:
            raise CardChanged(f"{found.st_size} bytes, {self._listed[0]} were listed")

    def read_into(self, view: memoryview) -> int:
        try:
            return _read_piece(self._handle, view)
        except OSError as error:
            raise CameraGone(f"cannot be read: {error.strerror}") from error


def _read_piece(handle: int, view: memoryview) -> int:
    """The next piece is in `view`, whole but for the file's last; returns its length."""
    filled = 0
    while filled < len(view):
        count = os.readv(handle, [view[filled:]])
        if count == 0:
            break
        filled += count
        if count % mmap.PAGESIZE and os.lseek(handle, 0, os.SEEK_CUR) >= os.fstat(handle).st_size:
            break  # O_DIRECT refuses to read on from here, even to say that this is the end
    return filled


def _created(part: Path) -> int:
    try:
        return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise _full_or_damaged(error) from error


def _write(handle: int, data: memoryview) -> None:
    try:
        while data:
            data = data[os.write(handle, data) :]
    except OSError as error:
        raise _full_or_damaged(error) from error


def _sync(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        raise _full_or_damaged(error) from error


def _full_or_damaged(error: OSError) -> SpoolFull | SpoolDamaged:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return SpoolFull("no room on the disk")
    return SpoolDamaged(f"cannot be written: {error.strerror}")


def _open_past_cache(path: Path) -> int:
    """The file opened so that reading asks the disk: O_DIRECT, or after the cache was told to forget it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        direct = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError:
        return handle  # tmpfs and some network file systems have no O_DIRECT
    os.close(handle)
    return direct
