"""Whether a volume is encrypted, by what a machine's /proc and /sys say."""

from pathlib import Path

import pytest

from bodycam_dock.volume import encryption, mount_of

FOLDER = Path("/srv/dock")


def machine(root: Path, mounts: list[str], devices: dict[str, tuple[str, list[str]]]) -> Path:
    """A /proc and /sys: `devices` are number → dm uuid and what lies below."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text("\n".join(mounts) + "\n")
    names = {number: f"dev{number.replace(':', '_')}" for number in devices}
    for number, name in names.items():
        (root / "sys/devices" / name / "slaves").mkdir(parents=True)
        (root / "sys/dev/block").mkdir(parents=True, exist_ok=True)
        (root / "sys/class/block").mkdir(parents=True, exist_ok=True)
        (root / "sys/dev/block" / number).symlink_to(root / "sys/devices" / name)
        (root / "sys/class/block" / name).symlink_to(root / "sys/devices" / name)
    for number, (uuid, below) in devices.items():
        folder = root / "sys/devices" / names[number]
        if uuid:
            (folder / "dm").mkdir()
            (folder / "dm/uuid").write_text(uuid + "\n")
        for one in below:
            (folder / "slaves" / names[one]).symlink_to(root / "sys/devices" / names[one])
    return root


def mounted(number: str, kind: str = "ext4", source: str = "/dev/x", point: str = "/") -> str:
    return f"20 1 {number} / {point} rw,relatime shared:1 - {kind} {source} rw"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


LUKS = ("CRYPT-LUKS2-00112233-luks", ["8:1"])


@pytest.mark.parametrize(
    ("devices", "is_encrypted"),
    [
        ({"253:0": LUKS, "8:1": ("", [])}, True),
        ({"253:0": ("LVM-abc", ["253:1"]), "253:1": LUKS, "8:1": ("", [])}, True),
        ({"253:0": ("LVM-abc", ["8:1"]), "8:1": ("", [])}, False),
        ({"253:0": ("LVM-abc", ["253:1", "8:2"]), "253:1": LUKS, "8:1": ("", []), "8:2": ("", [])}, False),
        ({"253:0": ("", [])}, False),
    ],
    ids=["luks", "lvm on luks", "lvm on a plain disk", "one half plain", "plain"],
)
def test_every_path_to_a_disk_must_go_through_dm_crypt(folder: Path, devices, is_encrypted: bool) -> None:
    root = machine(folder, [mounted("253:0")], devices)
    assert is_encrypted == encryption(folder, root=root).is_encrypted


def test_a_volume_without_a_number_in_sys_is_found_by_its_source(folder: Path) -> None:
    root = machine(folder, [mounted("0:31", "btrfs", "/dev/dev253_0")], {"253:0": LUKS, "8:1": ("", [])})
    assert encryption(folder, root=root).is_encrypted


@pytest.mark.parametrize("kind", ["tmpfs", "nfs4", "overlay", "zfs"])
def test_what_cannot_be_seen_is_not_called_encrypted(folder: Path, kind: str) -> None:
    root = machine(folder, [mounted("0:40", kind, "somewhere")], {})
    found = encryption(folder, root=root)
    assert not found.is_encrypted
    assert kind in found.text


def test_the_deepest_mount_counts_and_of_two_the_later(tmp_path: Path) -> None:
    inner = tmp_path / "with space"
    inner.mkdir()
    escaped = str(inner).replace(" ", "\\040")
    lines = [
        mounted("8:1"),
        mounted("8:2", point=escaped),
        mounted("8:3", point=escaped),
        mounted("8:4", point="/other"),
    ]
    root = machine(tmp_path / "root", lines, {})
    found = mount_of(inner / "spool", root)
    assert found is not None
    assert "8:3" == found.device


def test_this_machine_gives_an_answer_with_its_reason(tmp_path: Path) -> None:
    found = encryption(tmp_path)
    assert found.text
