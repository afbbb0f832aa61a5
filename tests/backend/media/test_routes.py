"""An upload from its first header to the stored file."""

import secrets

import msgspec

from sync.envelope import opened
from tests.backend.media.conftest import PIECE, photo_of


def test_a_photo_is_sent_and_the_offence_is_complete(world, phone) -> None:
    photo = photo_of(world, phone)
    address = photo.create()
    assert 0 == photo.offset(address)
    answer = photo.patch(address, 0, photo.data)
    assert (204, str(len(photo.data))) == (answer.status_code, answer.headers["upload-offset"]), answer.text
    answer = world.http.get(f"/v1/offences/{photo.entry}", headers=phone.officer.headers)
    assert "complete" == answer.json()["media_state"]


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
