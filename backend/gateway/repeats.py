"""K1: whether what arrives is a repetition of what was recorded (control-room.md 4.2, 4.4). Pure: time is told.

A panel repeats until it is answered, also after this gateway was killed between its disk and its answer. A
repetition is answered again and not recorded again. In doubt it is a new signal: a doubled one costs a count, a
swallowed one a person.
"""

from asyncio import Future
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from backend.gateway import codes
from backend.gateway.reading import WINDOW_S, Mark
from sync.bodies import SignalReceived
from sync.entry import parse_instant

#: Of each panel, the last eight signals are compared (design/control-room.md 4.2).
REMEMBERED: Final = 8
#: A panel that sends no time repeats within 5 to 60 s (DC-09-2007 annex C).
REPEATS_WITHIN: Final = timedelta(seconds=60)
#: HTTP senders' keys are unique by themselves; they are asked for while a person has not accepted yet.
KEYS_KEPT: Final = timedelta(hours=1)


class Seen:
    """A signal that was recorded or is being recorded: `recorded` ends once it is on disk; None: it was before."""

    __slots__ = ("at", "dedup", "mark", "recorded")

    def __init__(self, mark: Mark, at: datetime, dedup: str = "") -> None:
        self.mark = mark
        self.at = at
        self.dedup = dedup
        self.recorded: Future[None] | None = None


class Repeats:
    """What each sender sent last."""

    def __init__(self) -> None:
        """Nothing yet; `restore` tells what the journal knows."""
        self._rings: dict[str | None, deque[Seen]] = {}
        self._keys: dict[tuple[str, str], Seen] = {}

    def find(self, sender: str | None, mark: Mark, now: datetime) -> Seen | None:
        """The signal that `mark` repeats; None: it is a new one."""
        ring = self._rings.get(sender, ())
        counts = len({seen.mark.sequence for seen in ring} - {None}) > 1
        last = ring[-1].mark if ring else None
        if last and last.sequence == mark.sequence and last.content != mark.content:
            counts = False  # one number for two different signals: this panel does not count
        for seen in reversed(ring):
            if _is_fresh(seen, now) and _is_same(seen, mark, now, counts=counts):
                return seen
        return None

    def note(self, sender: str | None, mark: Mark, now: datetime) -> Seen:
        """From now on this signal is known; `forget` it if it could not be recorded."""
        seen = Seen(mark, now)
        self._rings.setdefault(sender, deque(maxlen=REMEMBERED)).append(seen)
        return seen

    def forget(self, sender: str | None, seen: Seen) -> None:
        """It was not recorded: the next copy is not a repetition."""
        ring = self._rings.get(sender)
        if ring and seen in ring:
            ring.remove(seen)

    def key(self, sender: str, key: str, now: datetime) -> Seen | None:
        """What this HTTP sender sent under this `Idempotency-Key` within the last hour."""
        seen = self._keys.get((sender, key))
        return seen if seen and now - seen.at < KEYS_KEPT else None

    def note_key(self, sender: str, key: str, seen: Seen) -> None:
        """From now on this key is used."""
        self._keys[sender, key] = seen

    def forget_key(self, sender: str, key: str, seen: Seen) -> None:
        """It was not recorded under this key."""
        if self._keys.get((sender, key)) is seen:
            del self._keys[sender, key]

    def sweep(self, now: datetime) -> None:
        """Keys and senders that nobody asks for any more take no room."""
        self._keys = {key: seen for key, seen in self._keys.items() if now - seen.at < KEYS_KEPT}
        self._rings = {name: ring for name, ring in self._rings.items() if ring and _is_fresh(ring[-1], now)}

    def restore(self, body: SignalReceived) -> None:
        """A signal that the journal holds is known again; to be called in their order."""
        mark = Mark(
            content=body.dedup[:38],
            sequence=body.facts.get("sequence") if body.code not in ("NULL", "XNM") else None,
            stamp=body.facts.get("stamp"),
            was_refused="outside_window" in body.flags,
            is_calming=body.kind in codes.CALMING,
            window_s=60 if body.sender is None or "bad_checksum" in body.flags else WINDOW_S,
        )
        at = parse_instant(body.received_at)
        if body.protocol == "http" and body.sender and "key" in body.facts:
            self._keys.setdefault((body.sender, body.facts["key"]), Seen(mark, at, body.dedup))
        elif body.dedup[38:40] == "00":
            self.note(body.sender, mark, at)


def _is_fresh(seen: Seen, now: datetime) -> bool:
    # A clock that was set back makes nothing old.
    return now - seen.at < timedelta(seconds=seen.mark.window_s)


def _is_same(seen: Seen, mark: Mark, now: datetime, *, counts: bool) -> bool:
    known = seen.mark
    if (known.content, known.sequence) != (mark.content, mark.sequence):
        return False
    if known.was_refused:
        # What may only raise was not allowed to calm: now that its time is right it has to be recorded.
        return mark.was_refused or not mark.is_calming
    if mark.sequence is None or (known.stamp is not None and known.stamp == mark.stamp):
        return True
    is_numbered = counts and mark.sequence != "0000"
    has_times = known.stamp is not None and mark.stamp is not None
    return is_numbered or (not has_times and now - seen.at < REPEATS_WITHIN)
