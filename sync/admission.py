"""What the server does with a verified batch: stop, repeat the stored verdicts, admit (design/sync.md 4.1 step 5).

Pure: the caller holds the source's lock, has folded the batch from its `prev` and verified the seal.
"""

from collections.abc import Mapping

import msgspec

from sync.exchange import Stop


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the server has of a source.

    `hashes` holds the stored hash of each `seq` of the overlap, from the one before the batch's first entry up to
    `last_seq` (the head); 0 is the genesis hash. Where the batch overlaps nothing, the head alone is enough.
    """

    incarnation: int
    last_seq: int
    hashes: Mapping[int, bytes]
    is_revoked: bool = False
    revoked_since: str = ""
    revoked_reason: str = ""


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A batch: `prev` and the folded (seq, hash) of each entry, `seq` rising by one; `prev` counts only with some."""

    incarnation: int
    prev: bytes = b""
    entries: tuple[tuple[int, bytes], ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Either `stop`, and nothing is admitted; or stored verdicts for `duplicates`, and entries from index `new` on."""

    stop: Stop | None
    duplicates: range
    new: int


def decide(known: Known, arrived: Arrived) -> Decision:
    """What becomes of the batch.

    `revoked` goes before all, then an incarnation that is not the newest (`fork`), then `gap`, then the comparison
    with what is stored at `prev` and at each repeated `seq` (`fork`, naming the first that differs). Without entries
    only the first two can happen: a source that has fewer or more than we have learns it from `last_seq`.

    Raises:
        KeyError: `known.hashes` lacks a hash of the overlap, an error of the caller.
    """
    if known.is_revoked:
        return _stopped(Stop(code="revoked", since=known.revoked_since, reason=known.revoked_reason))
    first = arrived.entries[0][0] if arrived.entries else known.last_seq + 1
    if arrived.incarnation != known.incarnation:
        return _stopped(Stop(code="fork", seq=first))
    if first > known.last_seq + 1:
        return _stopped(Stop(code="gap", expected=known.last_seq + 1))
    overlap = arrived.entries[: known.last_seq + 1 - first]
    if arrived.entries:
        for seq, hash_ in ((first - 1, arrived.prev), *overlap):
            if known.hashes[seq] != hash_:
                return _stopped(Stop(code="fork", seq=seq))
    return Decision(stop=None, duplicates=range(first, first + len(overlap)), new=len(overlap))


def _stopped(stop: Stop) -> Decision:
    return Decision(stop=stop, duplicates=range(0), new=0)
