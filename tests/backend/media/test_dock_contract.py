"""The dock's upload client against two servers: the real one, and the small one of the dock's own tests.

What the small one says in those tests is worth something only because both pass here.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import pytest

from backend.identity import sources
from backend.identity.wire import NewEnrolment
from bodycam_dock.book import MediumFacts
from bodycam_dock.copying import PIECE, Digests, digests_of
from bodycam_dock.errors import SpoolDamaged, UploadLater
from bodycam_dock.receipts import Expected, Receipt, verified
from bodycam_dock.upload import Uploader
from sync.bodies import ClipRecorded
from sync.client import Client
from sync.entry import base64url, format_instant, format_recorded_at, from_base64url
from sync.exchange import WireMedia
from sync.journal import Journal
from sync.keys import SourceKey
from sync.ledger import Draft
from sync.server import Server as Address
from sync.server import enrol
from tests.backend.world import World
from tests.bodycam_dock.town import DockTown
from tests.sync.samples import uuid7

CAMERA = "cam-contract"


@dataclass
class Dock:
    """A dock on one of the servers."""

    client: Client
    journal: Journal
    http: httpx.Client
    record_key: bytes
    folder: Path

    def uploader(self) -> Uploader:
        return Uploader("", lambda is_new: self.client.lease().token if is_new else self.client.token(), self.http)

    def medium(self, name: str, size: int, type_: str = "video/mp4", index: int = 0) -> tuple[MediumFacts, Path]:
        path = self.folder / name
        path.write_bytes(random.Random(name).randbytes(size))
        digests: Digests = digests_of(path)
        facts = MediumFacts(sha256=digests.sha256, size=size, type=type_, pieces=digests.pieces, index=index)
        return facts, path

    def record(self, *media: MediumFacts, number: int = 1) -> str:
        """An admitted entry `clip.recorded` with these files."""
        now = datetime.now(UTC)
        body = ClipRecorded(
            camera=CAMERA,
            camera_seq=number,
            file_name="a.mp4",
            size=media[0].size,
            sha256=media[0].sha256.hex(),
            chunks=base64url(media[0].pieces),
            started_at=format_instant(now),
            docked_at=format_instant(now),
        )
        draft = Draft(
            id=uuid7(random.getrandbits(60)),
            kind="clip.recorded",
            v=1,
            recorded_at=format_recorded_at(now, "Europe/Berlin"),
            body=msgspec.json.encode(body),
            media=tuple(WireMedia(sha256=one.sha256.hex(), size=one.size, type=one.type) for one in media),
        )
        self.journal.append(draft)
        self.client.drain(patience_s=0)
        return draft.id

    def receipt(self, envelope: bytes | None, entry: str, medium: MediumFacts, position: int = 0) -> Receipt:
        assert envelope is not None
        source = self.journal.state().source
        expected = Expected(source, self.journal.places(entry), position, medium.size, CAMERA, 1)
        return verified(envelope, self.record_key, expected)


def dock_of(http: httpx.Client, code: str, folder: Path) -> Dock:
    key, address = SourceKey.generate(), Address("", http)
    enrolled = enrol(address, code=code, kind="dock", key=key, app="contract", schema=1)
    journal = Journal.create(folder / "journal", enrolled.source, enrolled.incarnation, key.spki_sha256)
    client = Client(address, journal, key, app="contract", schema=1)
    client.drain(patience_s=0)
    return Dock(client, journal, http, from_base64url(enrolled.server_key), folder)


@pytest.fixture(params=["real", "small"])
def dock(request: pytest.FixtureRequest, tmp_path: Path) -> Dock:
    if request.param == "small":
        http = httpx.Client(transport=httpx.MockTransport(DockTown().handle), base_url="http://town.test")
        return dock_of(http, "A" * 22, tmp_path)
    world: World = request.getfixturevalue("world")
    with world.sessions.begin() as session:
        opened = sources.open_enrolment(session, None, NewEnrolment(kind="dock", label="Dock"), now=datetime.now(UTC))
    return dock_of(world.http, opened.code, tmp_path)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 99])
def test_a_file_arrives_and_its_receipt_holds(dock: Dock, size: int) -> None:
    medium, path = dock.medium("clip", size)
    entry, uploader = dock.record(medium), dock.uploader()
    upload = uploader.send(entry, medium, path)
    envelope = uploader.receipt(upload)
    assert dock.receipt(envelope, entry, medium).delete_at > datetime.now(UTC)
    assert upload == uploader.send(entry, medium, path), "a repeat is the same upload"
    assert envelope == uploader.receipt(upload), "and the same receipt, byte for byte"


def test_a_sidecar_has_a_receipt_of_its_own(dock: Dock) -> None:
    clip, path = dock.medium("clip", 1000)
    sidecar, beside = dock.medium("gps", 70, "application/octet-stream", 1)
    entry, uploader = dock.record(clip, sidecar), dock.uploader()
    first, second = (uploader.receipt(uploader.send(entry, *one)) for one in ((clip, path), (sidecar, beside)))
    assert dock.receipt(first, entry, clip).digest != dock.receipt(second, entry, sidecar, 1).digest


def test_a_file_that_no_entry_names_has_to_wait(dock: Dock) -> None:
    medium, path = dock.medium("clip", 10)
    with pytest.raises(UploadLater):
        dock.uploader().send(uuid7(5), medium, path)


def test_an_upload_goes_on_where_the_server_stands(dock: Dock) -> None:
    medium, path = dock.medium("clip", 3 * PIECE + 5)
    entry, offsets = dock.record(medium), list[int]()

    def until(most: int) -> Callable[[int], None]:
        def go_on(offset: int) -> None:
            offsets.append(offset)
            if offset >= most:
                raise UploadLater("pulled")

        return go_on

    with pytest.raises(UploadLater):
        dock.uploader().send(entry, medium, path, go_on=until(2 * PIECE))
    uploader = dock.uploader()
    upload = uploader.send(entry, medium, path, go_on=until(2**60))
    assert [0, PIECE, 2 * PIECE, 2 * PIECE, 3 * PIECE] == offsets
    assert dock.receipt(uploader.receipt(upload), entry, medium)


def test_a_spool_that_rotted_is_noticed_and_its_bytes_are_not_taken(dock: Dock) -> None:
    medium, path = dock.medium("clip", 2 * PIECE)
    right = path.read_bytes()
    entry, uploader = dock.record(medium), dock.uploader()
    path.write_bytes(right[:PIECE] + b"\0" + right[PIECE + 1 :])
    with pytest.raises(SpoolDamaged):
        uploader.send(entry, medium, path)
    path.write_bytes(right)
    upload = uploader.send(entry, medium, path)
    assert dock.receipt(uploader.receipt(upload), entry, medium)


def test_a_spool_file_that_is_too_short_is_noticed(dock: Dock) -> None:
    medium, path = dock.medium("clip", PIECE + 10)
    entry = dock.record(medium)
    os.truncate(path, PIECE)
    with pytest.raises(SpoolDamaged):
        dock.uploader().send(entry, medium, path)


def test_no_receipt_before_the_bytes(dock: Dock) -> None:
    medium, path = dock.medium("clip", 10)
    entry, uploader, seen = dock.record(medium), dock.uploader(), list[bytes | None]()

    def look(_: int) -> None:
        upload = uploader._create(entry, medium)
        seen.append(uploader.receipt(upload))

    uploader.send(entry, medium, path, go_on=look)
    assert [None] == seen


def test_a_lease_that_ended_is_taken_anew(dock: Dock) -> None:
    medium, path = dock.medium("clip", 10)
    entry = dock.record(medium)
    tokens = iter(["stale", *[dock.client.lease().token] * 9])
    upload = Uploader("", lambda _: next(tokens), dock.http).send(entry, medium, path)
    assert sha256(path.read_bytes()).digest() == medium.sha256
    assert dock.receipt(dock.uploader().receipt(upload), entry, medium)
