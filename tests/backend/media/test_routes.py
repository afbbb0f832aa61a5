"""An upload from its first header to the stored file, and everything that may be wrong with it."""

import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from sqlalchemy import select, text

from backend.feed.tables import FeedRow
from backend.fields import Role, uuid7
from backend.media import storage, uploading
from backend.media.tables import MediaRow
from sync.envelope import opened
from sync.exchange import WireMedia
from tests.backend.media.conftest import PIECE, TUS, File, photo_of
from tests.backend.world import World


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_photo_is_sent_and_the_offence_is_complete(world, phone) -> None:
    photo = photo_of(world, phone)
    address = photo.create()
    assert 0 == photo.offset(address)
    answer = photo.patch(address, 0, photo.data)
    assert (204, str(len(photo.data))) == (answer.status_code, answer.headers["upload-offset"]), answer.text
    answer = world.http.get(f"/v1/offences/{photo.entry}", headers=phone.officer.headers)
    assert "complete" == answer.json()["media_state"]


def test_an_offence_is_complete_with_its_last_photo_only(world, phone) -> None:
    first, second = secrets.token_bytes(10), secrets.token_bytes(20)
    named = tuple(
        WireMedia(sha256=sha256(one).hexdigest(), size=len(one), type="image/jpeg") for one in (first, second, first)
    )
    entry = phone.record(media=named)
    phone.client.drain(patience_s=0)
    headers = {"authorization": f"Bearer {phone.client.token()}"}

    def state() -> str:
        return world.http.get(f"/v1/offences/{entry}", headers=phone.officer.headers).json()["media_state"]

    assert "awaiting" == state()
    File(world, headers, entry, first).send()
    assert "awaiting" == state()
    File(world, headers, entry, second).send()
    assert "complete" == state(), "the photo that is named twice comes once"
    with world.sessions.begin() as session:
        lines = session.execute(select(FeedRow.scope, FeedRow.rev).where(FeedRow.type == "offence")).all()
    assert {("office", 2), (f"me:{phone.officer.id}", 2)} == {tuple(line) for line in lines}


def test_a_phone_learns_that_its_file_is_stored(world, phone) -> None:
    photo = photo_of(world, phone)
    photo.send()
    with world.sessions.begin() as session:
        row = session.scalars(select(FeedRow).where(FeedRow.type == "media")).one()
    assert (f"self:{phone.source}", photo.id) == (row.scope, row.id)
    assert {"state": "stored", "entry": photo.entry, "sha256": photo.sha256} == msgspec.json.decode(row.body)


def test_a_clip_is_compared_piece_by_piece_and_answers_with_its_receipt(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(2 * PIECE + 77))
    address = clip.create()
    answer = world.http.get(f"{address}/receipt", headers=clip.headers)
    assert (202, b"") == (answer.status_code, answer.content)
    answer = clip.patch(address, 0, clip.data[: PIECE + 5])
    assert (204, str(PIECE)) == (answer.status_code, answer.headers["upload-offset"]), "the rest was no whole piece"
    assert 204 == clip.patch(address, PIECE, clip.data[PIECE:]).status_code
    receipt = world.http.get(f"{address}/receipt", headers=clip.headers)
    assert (200, "application/vnd.dsse.envelope.v1+json") == (receipt.status_code, receipt.headers["content-type"])
    payload = msgspec.json.decode(opened(receipt.content, world.server.record_key.spki))
    assert ("clip.received", len(clip.data)) == (payload["kind"], payload["size"])
    assert receipt.content == world.http.get(f"{address}/receipt", headers=clip.headers).content
    assert clip.data == read(world, clip)


def read(world: World, file: File, *span: int) -> bytes:
    from backend.media import service  # noqa: PLC0415

    with world.sessions.begin() as session:
        pieces = service.read(session, world.server.receiver.folder, file.id, *span)
    return b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1])
@pytest.mark.parametrize("is_listed", [True, False])
def test_files_of_every_size_come_back_as_they_were(world, dock, size: int, is_listed: bool) -> None:
    clip = dock.file(secrets.token_bytes(size), is_listed=is_listed)
    address = clip.create()
    assert 204 == clip.patch(address, 0, clip.data).status_code
    assert clip.data == read(world, clip)
    assert clip.data[3 : size - 2] == read(world, clip, min(3, size), max(size - 2, 3))
    assert 1 == len(list(stored_files(world, clip)))


def stored_files(world: World, file: File):
    with world.sessions.begin() as session:
        object_ = session.get(MediaRow, (world.town, file.id)).object
    return world.server.receiver.folder.root.rglob(f"{object_}*")


def test_files_lie_where_nobody_else_can_look(world, phone) -> None:
    photo = photo_of(world, phone)
    photo.send()
    (path,) = stored_files(world, photo)
    assert 0o600 == path.stat().st_mode & 0o777
    for folder in path.parents[:3]:
        assert 0o700 == folder.stat().st_mode & 0o777, folder


def test_the_same_file_again_has_the_same_address(world, phone) -> None:
    photo = photo_of(world, phone)
    answer = world.http.post("/v1/uploads", headers=photo.named())
    assert {"upload-offset": "0", "upload-length": "1000", "tus-resumable": "1.0.0"}.items() <= answer.headers.items()
    assert answer.headers["upload-expires"].endswith("GMT")
    address = answer.headers["location"]
    assert 204 == photo.patch(address, 0, photo.data[:100]).status_code
    again = world.http.post("/v1/uploads", headers=photo.named())
    assert (address, "100") == (again.headers["location"], again.headers["upload-offset"])
    assert 204 == photo.patch(address, 100, photo.data[100:]).status_code
    again = world.http.post("/v1/uploads", headers=photo.named())
    assert (201, address, "1000") == (again.status_code, again.headers["location"], again.headers["upload-offset"])
    assert (409, "wrong_offset") == code(photo.patch(address, 0, photo.data)), "it is stored and stays"
    assert 204 == photo.patch(address, 1000, b"").status_code


def test_what_is_spoken_here_is_told_to_whoever_asks(world) -> None:
    for path in ("/v1/uploads", f"/v1/uploads/{uuid7()}"):
        answer = world.http.options(path)
        assert (204, "1.0.0") == (answer.status_code, answer.headers["tus-version"])
        assert "creation,checksum,expiration,termination" == answer.headers["tus-extension"]
        assert ("sha256", str(32 * 1024**3)) == (
            answer.headers["tus-checksum-algorithm"],
            answer.headers["tus-max-size"],
        )


@pytest.mark.parametrize("said", [None, "", "0.2.2", "1.0.0, 1.0.0", "2"])
def test_another_version_of_tus_is_refused(world, phone, said) -> None:
    photo = photo_of(world, phone)
    address = photo.create()
    headers = {name: value for name, value in photo.named().items() if name != "tus-resumable"}
    headers |= {"tus-resumable": said} if said is not None else {}
    headers |= {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
    for method, path in (("POST", "/v1/uploads"), ("HEAD", address), ("PATCH", address), ("DELETE", address)):
        answer = world.http.request(method, path, headers=headers)
        assert (412, "1.0.0") == (answer.status_code, answer.headers["tus-version"]), method
        assert "1.0.0" == answer.headers["tus-resumable"]


def test_a_file_that_no_entry_names_is_refused(world, phone, dock) -> None:
    photo = photo_of(world, phone)
    for changes in ({"entry": str(uuid7())}, {"sha256": "0" * 64}):
        answer = world.http.post("/v1/uploads", headers=photo.named(**changes))
        assert (409, "entry_unknown") == code(answer)
    foreign = File(world, dock.sender.headers, photo.entry, photo.data)
    assert (409, "entry_unknown") == code(world.http.post("/v1/uploads", headers=foreign.named()))


def test_length_and_type_are_those_of_the_entry(world, phone) -> None:
    photo = photo_of(world, phone)
    answer = world.http.post("/v1/uploads", headers=photo.named() | {"upload-length": "999"})
    assert (400, "/upload-length") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    answer = world.http.post("/v1/uploads", headers=photo.named(type="image/png"))
    assert (400, "/upload-metadata/type") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_a_file_of_more_than_32_gib_is_refused(world, phone) -> None:
    photo = photo_of(world, phone)
    answer = world.http.post("/v1/uploads", headers=photo.named() | {"upload-length": str(32 * 1024**3 + 1)})
    assert (413, "too_large") == code(answer)


def test_another_source_finds_nothing(world, phone, dock) -> None:
    photo = photo_of(world, phone)
    address = photo.create()
    thief = File(world, dock.sender.headers, photo.entry, photo.data)
    assert 404 == thief.head(address).status_code
    assert (404, "not_found") == code(thief.patch(address, 0, photo.data))
    assert (404, "not_found") == code(world.http.delete(address, headers=thief.headers | TUS))
    assert (404, "not_found") == code(world.http.get(f"{address}/receipt", headers=thief.headers))
    assert 0 == photo.offset(address)


def test_a_revoked_source_gets_nothing(world, dock) -> None:
    clip = dock.file(b"x" * 100)
    address = clip.create()
    admin = world.person(Role.ADMIN)
    answer = world.http.post(
        f"/v1/sources/{dock.sender.machine.source}/revoke", json={"reason": "lost"}, headers=admin.headers
    )
    assert answer.status_code == 200, answer.text
    assert 401 == clip.head(address).status_code
    assert (401, "not_signed_in") == code(clip.patch(address, 0, clip.data))
    assert (401, "not_signed_in") == code(world.http.post("/v1/uploads", headers=clip.named()))
    assert (401, "not_signed_in") == code(world.http.get(f"{address}/receipt", headers=clip.headers))
    assert (401, "not_signed_in") == code(world.http.delete(address, headers=clip.headers | TUS))


def test_another_offset_is_a_conflict_that_tells_the_right_one(world, phone) -> None:
    photo = photo_of(world, phone)
    address = photo.create()
    for offset in (1, 999, 1000, 10**14):
        answer = photo.patch(address, offset, b"x")
        assert (409, "wrong_offset", "0") == (*code(answer), answer.headers["upload-offset"])
    photo.patch(address, 0, photo.data[:400])
    answer = photo.patch(address, 0, photo.data)
    assert (409, "wrong_offset", "400") == (*code(answer), answer.headers["upload-offset"])


def test_a_wrong_piece_is_refused_and_the_offset_stays(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(2 * PIECE))
    address = clip.create()
    bad = bytearray(clip.data)
    bad[PIECE + 7] ^= 1
    answer = clip.patch(address, 0, bytes(bad))
    assert (460, "wrong_bytes", str(PIECE)) == (*code(answer), answer.headers["upload-offset"])
    assert PIECE == clip.offset(address), "the piece before it stands"
    assert 204 == clip.patch(address, PIECE, clip.data[PIECE:]).status_code
    assert clip.data == read(world, clip)


def test_a_list_that_is_not_the_files_takes_no_byte(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(100), chunks=bytes(32))
    address = clip.create()
    assert (460, "wrong_bytes") == code(clip.patch(address, 0, clip.data))
    assert 0 == clip.offset(address)


def test_a_body_that_brings_no_whole_piece_is_refused(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(2 * PIECE))
    address = clip.create()
    assert (415, "not_a_piece") == code(clip.patch(address, 0, clip.data[:1000]))
    assert 204 == clip.patch(address, 0, b"").status_code
    assert 0 == clip.offset(address)


def test_a_photo_that_is_wrong_as_a_whole_begins_anew(world, dock) -> None:
    right, wrong = b"right" * 100, b"wrong" * 100
    photo = dock.file(right, is_listed=False, kind="file.plain")
    address = photo.create()
    answer = photo.patch(address, 0, wrong)
    assert (460, "wrong_bytes", "0") == (*code(answer), answer.headers["upload-offset"])
    assert 0 == photo.offset(address)
    assert 204 == photo.patch(address, 0, right).status_code
    assert right == read(world, photo)
    assert 404 == world.http.get(f"{address}/receipt", headers=photo.headers).status_code, "its kind gives none"


def test_a_checksum_is_compared_before_anything_is_written(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(3000), is_listed=False)
    address = clip.create()

    def checksum(data: bytes) -> str:
        return "sha256 " + b64encode(sha256(data).digest()).decode()

    answer = clip.patch(address, 0, clip.data[:1000], **{"upload-checksum": checksum(b"other")})
    assert (460, "wrong_bytes", "0") == (*code(answer), answer.headers["upload-offset"])
    first = clip.data[:1000]
    assert 204 == clip.patch(address, 0, first, **{"upload-checksum": checksum(first)}).status_code
    rest = clip.data[1000:]
    assert 204 == clip.patch(address, 1000, rest, **{"upload-checksum": checksum(rest)}).status_code
    assert clip.data == read(world, clip)


def test_a_body_with_a_checksum_is_one_piece_at_most(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(PIECE), is_listed=False)
    address = clip.create()
    header = {"upload-checksum": "sha256 " + b64encode(sha256(clip.data).digest()).decode()}
    assert (413, "too_large") == code(clip.patch(address, 0, clip.data, **header))
    assert (413, "too_large") == code(clip.patch(address, 0, pieces_of(clip.data), **header))


def pieces_of(data: bytes):
    """A body without a length in front."""
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def test_more_than_the_file_is_refused(world, phone) -> None:
    photo = photo_of(world, phone)
    address = photo.create()
    answer = photo.patch(address, 0, photo.data + b"x")
    assert (413, "too_large", 1000) == (*code(answer), answer.json()["facts"]["max_bytes"])
    assert 0 == photo.offset(address)


def test_a_body_without_a_length_is_counted(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(300_000), is_listed=False)
    address = clip.create()
    assert (413, "too_large") == code(clip.patch(address, 0, pieces_of(clip.data + b"x" * 200_000)))
    other = dock.file(secrets.token_bytes(300_000))
    address = other.create()
    assert 204 == other.patch(address, 0, pieces_of(other.data)).status_code
    assert other.data == read(world, other)


def test_four_uploads_of_a_source_are_enough(world, dock) -> None:
    clips = [dock.file(secrets.token_bytes(10)) for _ in range(5)]
    addresses = [clip.create() for clip in clips[:4]]
    answer = world.http.post("/v1/uploads", headers=clips[4].named())
    assert (429, "too_many_uploads") == code(answer)
    assert int(answer.headers["retry-after"]) > 0
    assert addresses[0] == clips[0].create(), "what has begun goes on"
    assert 204 == clips[0].patch(addresses[0], 0, clips[0].data).status_code
    clips[4].create()


def test_without_room_nothing_is_begun(world, phone, monkeypatch) -> None:
    photo = photo_of(world, phone)
    monkeypatch.setattr(storage, "RESERVE", 10**18)
    answer = world.http.post("/v1/uploads", headers=photo.named())
    assert (507, "no_room", "60") == (*code(answer), answer.headers["retry-after"])


def test_a_terminated_upload_is_gone_and_may_be_begun_again(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(PIECE + 5))
    address = clip.create()
    clip.patch(address, 0, clip.data[:PIECE])
    assert 204 == world.http.delete(address, headers=clip.headers | TUS).status_code
    assert 410 == clip.head(address).status_code
    assert (410, "upload_gone") == code(clip.patch(address, PIECE, clip.data[PIECE:]))
    assert (404, "not_found") == code(world.http.delete(address, headers=clip.headers | TUS))
    assert address == clip.create()
    assert 0 == clip.offset(address)
    assert 204 == clip.patch(address, 0, clip.data).status_code
    assert (404, "not_found") == code(world.http.delete(address, headers=clip.headers | TUS)), "stored: it stays"
    assert clip.data == read(world, clip)


def test_an_upload_that_nobody_goes_on_with_expires(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(PIECE + 5))
    address = clip.create()
    clip.patch(address, 0, clip.data[:PIECE])
    folder = world.server.receiver.folder
    before = len(list(folder.root.rglob("*.part")))
    now = datetime.now(UTC)
    with world.sessions.begin() as session:
        assert 0 == uploading.expire(session, folder, now=now + timedelta(days=6, hours=23))
    with world.sessions.begin() as session:
        assert 1 == uploading.expire(session, folder, now=now + timedelta(days=7, hours=1))
    assert 410 == clip.head(address).status_code
    assert before - 1 == len(list(folder.root.rglob("*.part")))


HEADERS = {
    "upload-length": [None, "", "-1", "x", "1.5", "1e3", "９", "0x10", " ", "9" * 30, "1000, 1000"],
    "upload-metadata": [
        None, "", ",", "sha256", "sha256 !!!", "sha256 YQ==", "sha256 YQ==,sha256 YQ==", "\x7f", "entry eA==",
        "sha256 w7w=,entry eA==,type eA==",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("header", "value"), [(name, value) for name in HEADERS for value in HEADERS[name]])
def test_a_header_of_a_post_that_is_wrong_is_named(world, phone, header: str, value: str | None) -> None:
    photo = photo_of(world, phone)
    headers = {name: one.encode() for name, one in photo.named().items() if name != header}
    if value is not None:
        headers[header] = value.encode()
    answer = world.http.post("/v1/uploads", headers=headers)
    assert 400 == answer.status_code, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{header}")


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("upload-offset", None, 400), ("upload-offset", "-1", 400), ("upload-offset", "x", 400),
        ("upload-offset", "9" * 30, 400), ("upload-checksum", "", 400), ("upload-checksum", "md5 YQ==", 400),
        ("upload-checksum", "sha256 YQ==", 400), ("upload-checksum", "sha256", 400), ("content-type", None, 415),
        ("content-type", "application/json", 415), ("content-type", "application/offset+octet-stream; a=b", 415),
        ("content-encoding", "gzip", 415),
    ],
)  # fmt: skip
def test_a_header_of_a_patch_that_is_wrong_is_named(world, phone, header: str, value: str | None, status: int) -> None:
    photo = photo_of(world, phone)
    address = photo.create()
    headers = photo.headers | TUS | {"upload-offset": "0", "content-type": "application/offset+octet-stream"}
    headers = {name: one for name, one in headers.items() if name != header} | (
        {header: value} if value is not None else {}
    )
    answer = world.http.patch(address, content=photo.data, headers=headers)
    assert (status, f"/{header}") == (answer.status_code, answer.json()["errors"][0]["pointer"]), answer.text
    assert 0 == photo.offset(address)


def test_an_entry_whose_list_does_not_fit_its_size_is_rejected(world, dock) -> None:
    named = WireMedia(sha256="0" * 64, size=PIECE + 1, type="video/mp4")
    dock.sender.entry({"chunks": "00" * 32}, kind="file.probe", v=1, media=(named,))
    answer = dock.sender.send()
    assert [(1, "rejected", "bad_input")] == dock.sender.verdicts(answer)
    assert "/body/chunks" == answer["verdicts"][0]["field"]


def rows(world: World, statement: str):
    with world.sessions.begin() as session:
        return session.execute(text(statement)).all()
