"""From the card to the receipt and back to an empty card, with the dock as a process."""

from hashlib import sha256

import pytest

from tests.bodycam_dock.conftest import Dock, fill

pytestmark = pytest.mark.slow


def events(told: list[dict], name: str) -> list[dict]:
    return [one for one in told if one["event"] == name]


def test_six_clips_are_received_and_only_then_erased(dock: Dock, town, card) -> None:
    originals = {sha256(path.read_bytes()).hexdigest() for path in fill(card, 6)}
    code, told = dock.once()
    assert 0 == code, told
    recorded = town.bodies("clip.recorded")
    assert originals == {body["sha256"] for body in recorded}
    assert all(town.content(digest) is not None for digest in originals)
    assert [1, 2, 3, 4, 5, 6] == sorted(body["camera_seq"] for body in recorded)
    assert 6 == len(town.bodies("clip.erased"))
    assert [] == card.clips()
    assert [] == list((dock.state / "spool").iterdir())
    assert [] == town.bodies("clip.gap")
    assert 6 == len(events(told, "clip_taken")) == len(events(told, "clip_cleared"))
