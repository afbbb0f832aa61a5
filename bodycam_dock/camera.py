"""A docked camera: its card mounted as a folder, read by the profile of its model.

Cards must be mounted with `tz=UTC`, so that a file's time is the camera's wall clock; `clock.kind` says what that
means. Everything here reads but `Camera.erase`.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from bodycam_dock import profiles
from bodycam_dock.clocks import ClockKind, Reading, to_utc
from bodycam_dock.counting import Counter, Number
from bodycam_dock.errors import CameraGone, CardChanged, SettingsWrong

UNKNOWN: Final = "unknown"
# design/evidence.md 5: clocks are read together three times.
READINGS: Final = 3
# A camera's own files are a line each; a card can hold anything.
_MAX_LINE: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LABEL: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}").fullmatch


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """How a card of the model is known: this file begins with this text."""

    file: str
    text: str


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """Files of one line; `volume` names the card itself, so that another one in the same camera is seen."""

    serial: str | None = None
    battery: str | None = None
    volume: str | None = None


class Clips(Struct, frozen=True, forbid_unknown_fields=True):
    """Which files are clips: `pattern` matches the whole name, groups `number`, `part`, `start`, `marked`."""

    folder: str
    pattern: str
    start_format: str = ""
    sidecars: tuple[str, ...] = ()


class CardClock(Struct, frozen=True, forbid_unknown_fields=True):
    """What the camera's wall clock means, and the file it shows it in."""

    kind: ClockKind = "local"
    zone: str = "Europe/Berlin"
    file: str | None = None


class Recording(Struct, frozen=True, forbid_unknown_fields=True):
    """Splits, pre-event buffer, and whether a full card loses its oldest file."""

    tolerance_ms: int = 1500
    pre_roll_s: int = 0
    overwrites_oldest: bool = False


class Erasing(Struct, frozen=True, forbid_unknown_fields=True):
    """How a file is erased. `never`: a person looks at the card."""

    how: Literal["unlink", "never"]


class Profile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """One camera model."""

    name: str = ""
    maker: str
    model: str
    match: Match | None = None
    card: Card = Card()
    clips: Clips
    counter: Counter | None = None
    clock: CardClock = CardClock()
    recording: Recording = Recording()
    erase: Erasing

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Of a clip's name; cards are FAT, so case says nothing."""
        return re.compile(self.clips.pattern, re.IGNORECASE)

    @cached_property
    def zone(self) -> ZoneInfo:
        """Of the wall clock."""
        return ZoneInfo(self.clock.zone)


class Found(Struct, frozen=True, kw_only=True):
    """A file on the card. `name` is its path below the card's root; times are by the camera's clock, as instants."""

    name: str
    size: int
    mtime_ns: int
    modified_at: datetime
    number: Number | None = None
    start: datetime | None = None
    is_marked: bool = False
    sidecars: tuple["Found", ...] = ()

    @property
    def key(self) -> str:
        """The same file again has the same key."""
        return f"{self.name}\n{self.size}\n{self.mtime_ns}"


def profiles_known() -> dict[str, Profile]:
    """All profiles that come with the dock, by name."""
    found = (one for one in files(profiles).iterdir() if one.name.endswith(".toml"))
    return {one.name.removesuffix(".toml"): read_profile(one.read_text(), one.name) for one in found}


def read_profile(text: str, name: str) -> Profile:
    """The profile written in `text`.

    Raises:
        SettingsWrong: it cannot be used, and why.
    """
    try:
        found = msgspec.convert(tomllib.loads(text), Profile)
        profile = msgspec.structs.replace(found, name=name.removesuffix(".toml"))
        _ = (profile.pattern, profile.zone)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, re.error, KeyError, ValueError) as error:
        raise SettingsWrong(f"Das Kameraprofil {name} ist nicht lesbar: {error}") from error
    return profile


class Camera:
    """A card in the dock, as it was when it was opened: `serial` stays, the folder may go away at any moment."""

    def __init__(self, folder: Path, profile: Profile, serial: str) -> None:
        """Use `look`."""
        self.folder = folder
        self.profile = profile
        self.serial = serial

    def pseudonym(self, town_key: bytes) -> str:
        """The camera's name in public: the same at every dock of the town, made from the serial and the town's key."""
        digest = sha256(b"streife.camera.1\0" + town_key + f"\0{self.profile.maker}\0{self.serial}".encode()).digest()
        alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
        rest, text = int.from_bytes(digest), ""
        for _ in range(10):
            rest, digit = divmod(rest, len(alphabet))
            text += alphabet[digit]
        return f"cam-{text}"

    def is_here(self) -> bool:
        """Whether the same camera is still docked."""
        return _serial(self.folder, self.profile) == self.serial

    def check(self) -> None:
        """Raises CameraGone where the camera is not the one that was docked."""
        if not self.is_here():
            raise CameraGone(str(self.folder.name))

    @property
    def battery(self) -> str | None:
        """What the camera says of its battery."""
        return _line(self.folder, self.profile.card.battery)

    @property
    def volume(self) -> str | None:
        """The card's own name."""
        return _line(self.folder, self.profile.card.volume)

    def readings(self, now: Callable[[], datetime], pause: Callable[[], object]) -> list[Reading]:
        """Camera's and dock's clock, three times; fewer where the camera does not tell."""
        found: list[Reading] = []
        for _ in range(READINGS):
            before, text, after = now(), _line(self.folder, self.profile.clock.file), now()
            try:
                wall = datetime.fromisoformat(text or "")
            except ValueError:
                break
            if wall.tzinfo is not None:
                break
            found.append(Reading(self.instant(wall), before + (after - before) / 2))
            pause()
        return found

    def list(self) -> tuple[list[Found], list[Found]]:
        """Clips with their sidecars, and files that are neither and stay where they are.

        Raises:
            CameraGone: the card cannot be read.
        """
        try:
            on_card = list(self._walk(self.folder / self.profile.clips.folder))
        except OSError as error:
            raise CameraGone(f"card cannot be listed: {error.strerror}") from error
        clips = [one for one in on_card if self._matches(one.name)]
        by_stem: dict[str, list[Found]] = {}
        for one in on_card:
            if self._is_sidecar(one.name):
                by_stem.setdefault(_stem(one.name), []).append(one)
        whole = [
            msgspec.structs.replace(clip, sidecars=tuple(sorted(by_stem.get(_stem(clip.name), ()), key=_name)))
            for clip in map(self._read_name, clips)
        ]
        owned = {one.name for clip in whole for one in (clip, *clip.sidecars)}
        return sorted(whole, key=_name), sorted((one for one in on_card if one.name not in owned), key=_name)

    def names(self) -> set[str]:
        """Every file on the card.

        Raises:
            CameraGone: the card cannot be read, or is another camera's.
        """
        clips, others = self.list()
        self.check()
        return {one.name for one in (*clips, *(sidecar for clip in clips for sidecar in clip.sidecars), *others)}

    def path(self, name: str) -> Path:
        """Where a listed file lies."""
        return self.folder / name

    def erase(self, name: str, *, size: int, mtime_ns: int) -> None:
        """The file is gone from the card, as far as the card says; the caller lists again.

        The caller MUST hold a valid receipt for it and have compared its bytes.

        Raises:
            CardChanged: it is not the file that was listed; nothing was erased.
            CameraGone: another camera, or a card that cannot be written.
        """
        self.check()
        path = self.path(name)
        try:
            found = path.lstat()
            if (found.st_size, found.st_mtime_ns) != (size, mtime_ns):
                raise CardChanged(f"size or time of a file differs: {found.st_size}, expected {size}")
            path.unlink()
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise CameraGone(f"card cannot be written: {error.strerror}") from error

    def _walk(self, folder: Path) -> Iterator[Found]:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                state = entry.stat(follow_symlinks=False)
                name = PurePosixPath(Path(entry.path).relative_to(self.folder)).as_posix()
                if _LABEL(name) is None or not name.isprintable():
                    continue
                modified = self.instant(
                    (_EPOCH + timedelta(microseconds=state.st_mtime_ns // 1000)).replace(tzinfo=None)
                )
                yield Found(name=name, size=state.st_size, mtime_ns=state.st_mtime_ns, modified_at=modified)

    def instant(self, wall: datetime) -> datetime:
        """What the camera's wall clock (naive) means."""
        return to_utc(wall, self.profile.clock.kind, self.profile.zone)

    def _matches(self, name: str) -> bool:
        return self.profile.pattern.fullmatch(PurePosixPath(name).name) is not None

    def _is_sidecar(self, name: str) -> bool:
        return PurePosixPath(name).suffix.lower().lstrip(".") in self.profile.clips.sidecars

    def _read_name(self, found: Found) -> Found:
        match = self.profile.pattern.fullmatch(PurePosixPath(found.name).name)
        groups = match.groupdict() if match else {}
        number, part = groups.get("number"), groups.get("part") or ""
        start = None
        if groups.get("start") and self.profile.clips.start_format:
            try:
                start = self.instant(datetime.strptime(groups["start"], self.profile.clips.start_format))  # noqa: DTZ007
            except ValueError:
                start = None
        return msgspec.structs.replace(
            found,
            number=None if number is None else Number(int(number), len(part)),
            start=start,
            is_marked=bool(groups.get("marked")),
        )


def look(folder: Path, known: dict[str, Profile], wanted: str | None = None) -> Camera | None:
    """The camera whose card is mounted at `folder`; None while there is none.

    Without `wanted` the profile is the one whose mark the card bears, else `unknown`. A card that bears the mark but
    shows no serial is not ready yet.
    """
    if not folder.is_dir():
        return None
    if wanted is None:
        bearing = (one for one in known.values() if one.match and _bears(folder, one.match))
        profile = next(bearing, known[UNKNOWN])
    else:
        profile = known[wanted]
    serial = _serial(folder, profile)
    return None if serial is None else Camera(folder, profile, serial)


def _bears(folder: Path, match: Match) -> bool:
    return (_line(folder, match.file) or "").startswith(match.text)


def _serial(folder: Path, profile: Profile) -> str | None:
    if profile.card.serial is not None:
        return _line(folder, profile.card.serial)
    # Nothing on such a card is ever erased, so a folder's name is good enough to tell two apart.
    return f"ohne Nummer, {folder.name}" if folder.is_dir() and any(folder.iterdir()) else None


def _line(folder: Path, name: str | None) -> str | None:
    if name is None:
        return None
    try:
        with (folder / name).open("rb") as file:
            text = file.read(_MAX_LINE).decode(errors="replace").partition("\n")[0].strip()
    except OSError:
        return None
    return text if _LABEL(text) else None


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")).lower()


def _name(found: Found) -> str:
    return found.name
