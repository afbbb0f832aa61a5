"""What a video file says of itself (PyAV): facts, never a reason to refuse.

The file is read by a process of its own, as `python -m bodycam_dock.probe FILE`: what crashes or hangs a decoder
becomes a fact too, and never ends the dock. Only the container is read; that a file decodes proves nothing (a file cut
in the middle may decode without an error), so integrity is left to the hashes.
"""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import av
import msgspec
from av.error import FFmpegError

Facts = dict[str, str | int | float | bool | None]

# A container of hours opens within a second; a file that takes longer is broken.
TIMEOUT_S: Final = 60.0
_MAX_TEXT: Final = 200


def probe(path: Path, *, timeout_s: float = TIMEOUT_S) -> Facts:
    """Facts of the file; `problem` says why there are not more."""
    command = [sys.executable, "-m", "bodycam_dock.probe", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - our own module
    except subprocess.TimeoutExpired:
        return {"problem": "timeout"}
    try:
        return msgspec.json.decode(done.stdout, type=Facts)
    except msgspec.DecodeError:
        return {"problem": f"crashed ({done.returncode})"}


def facts_of(path: Path) -> Facts:
    """As `probe`, within this process."""
    if path.stat().st_size == 0:
        return {"problem": "empty"}
    try:
        with av.open(str(path), "r") as container:
            return _container(container)
    except (FFmpegError, OSError, ValueError, OverflowError) as error:
        return {"problem": f"unreadable: {type(error).__name__}"}


def duration_ms(facts: Facts) -> int | None:
    """The length that the container claims."""
    found = facts.get("duration_ms")
    return found if isinstance(found, int) and found >= 0 else None


def created_at(facts: Facts) -> datetime | None:
    """The container's creation time, as the wall clock (naive) that the camera wrote."""
    try:
        found = datetime.fromisoformat(str(facts.get("creation_time", "")))
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _container(container: Any) -> Facts:
    facts: Facts = {"format": _text(container.format.name), "streams": len(container.streams)}
    if container.duration is not None and container.duration >= 0:
        facts["duration_ms"] = container.duration * 1000 // av.time_base
    if "creation_time" in container.metadata:
        facts["creation_time"] = _text(container.metadata["creation_time"])
    for stream in container.streams.video[:1]:
        facts |= {
            "codec": _text(stream.codec_context.name),
            "width": stream.codec_context.width,
            "height": stream.codec_context.height,
        }
        if stream.average_rate:
            facts["fps"] = round(float(stream.average_rate), 3)
        if "timecode" in stream.metadata:
            facts["timecode"] = _text(stream.metadata["timecode"])
    for stream in container.streams.audio[:1]:
        facts |= {"audio_codec": _text(stream.codec_context.name), "audio_rate": stream.codec_context.sample_rate}
    if not container.streams.video:
        facts["problem"] = "no video"
    return facts


def _text(value: str) -> str:
    return "".join(one for one in value if one.isprintable())[:_MAX_TEXT]


if __name__ == "__main__":
    av.logging.set_level(None)
    sys.stdout.buffer.write(msgspec.json.encode(facts_of(Path(sys.argv[1]))))
