"""Frames out of a stream: golden ones, cut anywhere, damaged anywhere, with anything between them."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.gateway import aes, frames
from backend.gateway.frames import Cutter, Piece, build, outer, padded, plain

#: design/control-room.md 4.2, without LF and CR.
GOLDEN = [
    b'A37A003B"SIA-DCS"0001L0#1234[#1234|Nri1/HA0017]_05:53:13,11-22-2026',
    b'28ED003B"ADM-CID"0003L0#1234[#1234|1120 01 017]_05:53:13,11-22-2026',
    b'1BC10012"ACK"0001L0#1234[]',
    b'1EF20013"NULL"0000L0#1234[]',
    b'251F0012"DUH"0001L0#1234[]',
    b'456C0026"NAK"0000L0#1234[]_05:53:13,11-22-2026',
    b'0C7C0058"SIA-DCS"0018L0#1234[#1234|Nri1/HA0017][H05:48:25,11-22-2026][R0.17]_05:53:13,11-22-2026',
    b'1E0B0096"*SIA-DCS"0010L0#AAA1[c436f83dd51da5d88be99786d8903a659f4c5c741f6843e51ede1f65f717fb7c99ac86e027a8b38f6'
    b"23e2f615efe05fe4bad550d2d04346f64031b10225296bd",
]
WHOLE = b"".join(b"\n" + frame + b"\r" for frame in GOLDEN)

# What a line can do between frames; an LF would begin one.
garbage = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"\0"))


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds)]


def fed(segments: list[bytes]) -> list[Piece]:
    cutter = Cutter()
    return [piece for segment in segments for piece in cutter.feed(segment)]


def test_the_check_value_of_the_crc() -> None:
    assert 0xBB3D == frames.crc16(b"123456789")


@pytest.mark.parametrize("frame", GOLDEN)
def test_golden_frames_are_intact_and_built_alike(frame: bytes) -> None:
    read = outer(frame)
    assert read is not None
    assert read.is_intact
    token = ("*" if read.is_encrypted else "") + read.token
    assert b"\n" + frame + b"\r" == build(token, read.sequence, read.address, read.rest)


def test_the_parts_of_a_golden_frame() -> None:
    read = outer(GOLDEN[6])
    assert read is not None
    assert ("SIA-DCS", b"0018", b"L0#1234", None, "0", "1234") == (
        read.token, read.sequence, read.address, read.receiver, read.prefix, read.account,
    )  # fmt: skip
    inner = plain(read.rest)
    assert inner is not None
    assert (b"#1234|Nri1/HA0017", (b"H05:48:25,11-22-2026", b"R0.17"), "05:53:13,11-22-2026") == inner


def test_the_golden_encrypted_frame_opens_with_its_key() -> None:
    read = outer(GOLDEN[7])
    assert read is not None
    text = aes.decrypt(bytes(range(16)), read.rest)
    assert text is not None
    inner = frames.decrypted(text)
    assert inner is not None
    assert b"#AAA1|Nri1/HA0017" == inner.data
    assert "05:53:13,11-22-2026" == inner.stamp


def test_two_frames_in_one_segment_are_two() -> None:
    assert [Piece(frame, is_frame=True) for frame in GOLDEN] == fed([WHOLE])


@given(st.lists(st.integers(min_value=0), max_size=40))
def test_any_segmentation_gives_the_same_frames(places: list[int]) -> None:
    assert [Piece(frame, is_frame=True) for frame in GOLDEN] == fed(cut(WHOLE, places))


@given(
    st.lists(st.tuples(garbage, st.sampled_from(GOLDEN)), min_size=1, max_size=8), st.lists(st.integers(0), max_size=9)
)
def test_no_frame_is_lost_to_what_stands_between(parts: list[tuple[bytes, bytes]], places: list[int]) -> None:
    stream = b"".join(junk + b"\n" + frame + b"\r" for junk, frame in parts)
    found = fed(cut(stream, places))
    assert [frame for _, frame in parts] == [piece.data for piece in found if piece.is_frame]


@given(st.sampled_from(GOLDEN), st.integers(min_value=0), st.sampled_from(GOLDEN))
def test_half_a_frame_takes_no_whole_one_with_it(half: bytes, place: int, whole: bytes) -> None:
    begun = b"\n" + half[: place % len(half)]
    found = fed([begun, b"\n" + whole + b"\r"])
    assert Piece(whole, is_frame=True) == found[-1]
    assert begun.strip() == b"".join(piece.data for piece in found[:-1]).strip()


@given(st.binary(max_size=12_000), st.lists(st.integers(0), max_size=12))
def test_every_byte_is_kept_and_no_piece_is_larger_than_a_frame(stream: bytes, places: list[int]) -> None:
    cutter = Cutter()
    pieces = [piece for segment in cut(stream, places) for piece in cutter.feed(segment)] + cutter.give_up()
    assert all(len(piece.data) <= frames.MAX_FRAME for piece in pieces)

    def solid(data: bytes) -> bytes:
        return b"".join(data.split())

    assert solid(stream) == solid(b"".join(piece.data for piece in pieces))


def test_a_frame_that_does_not_end_is_given_up_at_four_kibibytes() -> None:
    cutter = Cutter()
    assert [] == cutter.feed(b"\n" + b"x" * frames.MAX_FRAME)
    assert not cutter.is_overlong
    assert [False, False] == [piece.is_frame for piece in cutter.feed(b"x")]
    assert cutter.is_overlong


@given(st.binary(max_size=200))
def test_padding_holds_no_delimiter_and_fills_whole_blocks(rest: bytes) -> None:
    text = padded(rest)
    size = len(text) - len(rest)
    assert 16 <= size <= 31
    assert 0 == len(text) % 16
    assert not set(b"[]|") & set(text[:size])


@pytest.mark.parametrize("size", [16, 24, 32])
def test_what_was_encrypted_opens_again(size: int) -> None:
    key = bytes(range(size))
    rest = b"|#1|Nri1/HA1]" + frames.stamp_of(datetime(2026, 11, 22, 5, 53, 13, tzinfo=UTC))
    text = aes.decrypt(key, aes.encrypt(key, padded(rest)))
    assert text is not None
    assert text.endswith(rest)
    assert frames.decrypted(text) is not None


@pytest.mark.parametrize(
    ("text", "size"),
    [("00" * 16, 16), ("ab" * 24, 24), ("0F" * 32, 32), ("text:sixteen letters!", 16), ("text:" + "a" * 24, 24)],
)
def test_a_key_is_hex_or_as_many_characters(text: str, size: int) -> None:
    key = aes.key_of(text)
    assert key is not None
    assert size == len(key)


@pytest.mark.parametrize("text", ["", "00", "zz" * 16, "00" * 17, "a" * 24, "text:" + "ü" * 15])
def test_anything_else_is_no_key(text: str) -> None:
    assert aes.key_of(text) is None
