"""What the volume under a folder is: whether it is encrypted, as far as this machine can say, and its room.

Three kinds count: a block device that goes through dm-crypt (LUKS) on every path, a folder with an fscrypt policy
(ext4, f2fs, ubifs), and eCryptfs. What cannot be seen from here (a self-encrypting disk, ZFS, a hypervisor) does not.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

# linux/fs.h: FS_IOC_GETFLAGS and FS_ENCRYPT_FL, set on every folder under an fscrypt policy.
_GETFLAGS: Final = 0x80086601
_ENCRYPT_FLAG: Final = 0x800


class Encryption(NamedTuple):
    """Whether the volume is known to be encrypted, and what was looked at (German)."""

    is_encrypted: bool
    text: str


class Mount(NamedTuple):
    """One line of /proc/self/mountinfo."""

    point: Path
    device: str
    kind: str
    source: str


def encryption(folder: Path, *, root: Path = Path("/")) -> Encryption:
    """Whether `folder` lies on an encrypted volume. `root` is where /proc and /sys are read, for tests."""
    if _has_policy(folder):
        return Encryption(True, "fscrypt: der Ordner hat eine Verschlüsselungsrichtlinie")
    mount = mount_of(folder, root)
    if mount is None:
        return Encryption(False, "kein Eintrag in /proc/self/mountinfo zu diesem Ordner gefunden")
    if mount.kind == "ecryptfs":
        return Encryption(True, "eCryptfs nach /proc/self/mountinfo")
    device = _device(mount, root)
    if device is None:
        return Encryption(False, f"{mount.kind} auf {mount.source}: kein Blockgerät in /sys, kein fscrypt")
    if _goes_through_crypt(device, set()):
        return Encryption(True, f"dm-crypt unter {mount.kind} auf {device.name} nach /sys")
    return Encryption(False, f"{mount.kind} auf {device.name}: weder dm-crypt nach /sys noch fscrypt")


def free_bytes(folder: Path) -> int:
    """What an ordinary process may still write."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def mount_of(folder: Path, root: Path = Path("/")) -> Mount | None:
    """The mount that `folder` lies on: of those that hold it the deepest, of several there the last."""
    folder = folder.resolve()
    found: Mount | None = None
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        fields, (kind, source, *_) = left.split(" "), right.split(" ")
        point = Path(fields[4].encode().decode("unicode_escape"))
        is_deeper = found is None or len(point.parts) >= len(found.point.parts)
        if folder.is_relative_to(point) and is_deeper:
            found = Mount(point, fields[2], kind, source)
    return found


def _device(mount: Mount, root: Path) -> Path | None:
    """The device's folder in /sys, its links resolved below `root`."""
    path = root / "sys/dev/block" / mount.device
    if path.exists():
        return path.resolve()
    # btrfs and the like have no number of their own in /sys: their source does.
    source = Path(mount.source)
    if not source.is_absolute():
        return None
    name = (root / source.relative_to("/")).resolve().name
    path = root / "sys/class/block" / name
    return path.resolve() if path.exists() else None


def _goes_through_crypt(device: Path, seen: set[Path]) -> bool:
    """Whether every path from `device` down to a disk goes through dm-crypt."""
    if device in seen:
        return False
    seen.add(device)
    uuid = device / "dm/uuid"
    if uuid.is_file() and uuid.read_text().startswith("CRYPT-"):
        return True
    slaves = device / "slaves"
    below = sorted(slaves.iterdir()) if slaves.is_dir() else []
    return bool(below) and all(_goes_through_crypt(one.resolve(), seen) for one in below)


def _has_policy(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY)
    try:
        flags = struct.unpack("q", fcntl.ioctl(handle, _GETFLAGS, bytes(8)))[0]
    except OSError:
        return False  # this file system has no such flags
    finally:
        os.close(handle)
    return bool(flags & _ENCRYPT_FLAG)
