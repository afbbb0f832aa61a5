"""What the journal knows of an earlier life of this process: repetitions, and P1 signals that no server took yet."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from backend.gateway import codes, fallback
from backend.gateway.fallback import Watched
from backend.gateway.reading import KIND
from backend.gateway.repeats import KEYS_KEPT, Repeats
from sync.bodies import FallbackFired, SignalReceived
from sync.entry import parse_instant, parse_recorded_at
from sync.journal import Journal
from sync.ledger import Draft

#: So many entries are read at once.
PAGE: Final = 500


def remembered(journal: Journal, now: datetime, now_s: float) -> tuple[Repeats, list[Watched]]:
    """What was recorded within the last hour tells repetitions; unsent P1 signals have what is left of their seconds.

    Those for which the fallback was fired are not watched again. `now_s` never goes back, `now` may.
    """
    repeats, acked = Repeats(), journal.state().acked
    unsent: dict[str, Watched] = {}
    for seq, draft in _recent(journal, now - KEYS_KEPT):
        if draft.kind == KIND:
            body = msgspec.json.decode(draft.body, type=SignalReceived)
            repeats.restore(body)
            if seq > acked and body.kind in codes.P1 and not body.is_test:
                at = parse_instant(body.received_at)
                since_s = now_s - max((now - at).total_seconds(), 0.0)
                unsent[draft.id] = Watched(seq, draft.id, body.kind, body.sender, body.point, since_s, at)
        elif draft.kind == fallback.KIND:
            for id_ in msgspec.json.decode(draft.body, type=FallbackFired).signals:
                unsent.pop(str(id_), None)
    return repeats, list(unsent.values())


def _recent(journal: Journal, since: datetime) -> Iterator[tuple[int, Draft]]:
    """What was recorded after `since`, and all that no server has, oldest first, read in pages."""
    state = journal.state()
    after = state.head_seq
    while after > 0:
        after = max(0, after - PAGE)
        first = journal.entries(after, 1)
        if after <= state.acked and first and parse_recorded_at(first[0].recorded_at)[0] < since:
            break
    while after < state.head_seq:
        yield from journal.drafts(after, PAGE)
        after += PAGE
