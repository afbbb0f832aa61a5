"""Cameras that do not exist: real MP4 files, seconds long, the same for the same seed, on a card of the test camera."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from os import utime
from pathlib import Path
from typing import Final, cast

import av
import numpy as np

SIZE: Final = (320, 192)
RATE: Final = 15
#: Pixels of the frame number's blocks, burnt into the picture's top: one for each of 16 bits.
_BLOCK: Final = 16


def make_clip(
    path: Path,
    *,
    seed: int,
    seconds: float = 2.0,
    start: datetime | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> None:
    """A video of moving noise with its frame number burnt in; `start` (UTC) stands in it as its creation time.

    Bytes depend on arguments and on the encoder's version only.
    """
    noise = np.random.default_rng(seed)
    picture = noise.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        if start is not None:
            container.metadata["creation_time"] = start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        stream = cast(
            av.VideoStream,
            container.add_stream(codec, rate=RATE, options={"threads": "1", "preset": "ultrafast", **(options or {})}),
        )
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for number in range(max(1, round(seconds * RATE))):
            frame = av.VideoFrame.from_ndarray(_numbered(np.roll(picture, 3 * number, axis=1), number), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _numbered(
    picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", number: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    for bit in range(16):
        picture[:_BLOCK, _BLOCK * bit : _BLOCK * (bit + 1)] = 255 * (number >> bit & 1)
    return picture


@dataclass
class Recorded:
    """A clip on a card."""

    path: Path
    number: int
    start: datetime


class CameraCard:
    """The card of a test camera (profile `testcam`), in a folder; its clock is UTC plus `drift`."""

    def __init__(
        self,
        folder: Path,
        *,
        serial: str,
        seed: int,
        number: int = 1,
        drift: timedelta = timedelta(0),
        volume: str = "A",
    ) -> None:
        """The card is there, empty; the next clip gets `number`."""
        self.folder = folder
        self.number = number
        self.drift = drift
        self._rng = random.Random(seed)  # noqa: S311 - the same seed must make the same clips
        (folder / "SYSTEM").mkdir(parents=True, exist_ok=True)
        (folder / "DCIM").mkdir(exist_ok=True)
        lines = {"MODEL": "Streife Testkamera 1", "SERIAL": serial, "BATTERY": "84", "CARD": volume}
        for name, text in lines.items():
            (folder / "SYSTEM" / f"{name}.TXT").write_text(text + "\n")

    def set_clock(self, now: datetime) -> None:
        """The camera shows its time, as it does when it is docked at `now`."""
        wall = (now + self.drift).astimezone(UTC).replace(tzinfo=None)
        (self.folder / "SYSTEM" / "CLOCK.TXT").write_text(wall.isoformat(timespec="milliseconds") + "\n")

    def record(
        self,
        start: datetime,
        *,
        seconds: float = 2.0,
        marked: bool = False,
        content: bytes | None = None,
        gps: bool = False,
    ) -> Recorded:
        """One more clip that began at `start` (true time); `content` in place of a video."""
        wall = (start + self.drift).astimezone(UTC)
        stem = f"{wall:%Y%m%d_%H%M%S}_{self.number:04}{'_M' if marked else ''}"
        path = self.folder / "DCIM" / f"{stem}.MP4"
        if content is None:
            make_clip(path, seed=self._rng.randrange(2**32), seconds=seconds, start=wall)
        else:
            path.write_bytes(content)
        end = (wall + timedelta(seconds=seconds)).timestamp()
        utime(path, (end, end))
        if gps:
            path.with_suffix(".GPS").write_text(f"{stem} 51.45 6.62\n")
            utime(path.with_suffix(".GPS"), (end, end))
        made = Recorded(path, self.number, start)
        self.number = 1 if self.number == 9999 else self.number + 1
        return made

    def clips(self) -> Sequence[Path]:
        """What is on the card."""
        return sorted((self.folder / "DCIM").iterdir())
