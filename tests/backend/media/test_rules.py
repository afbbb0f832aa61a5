"""Pieces and headers."""

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.media import rules
from backend.media.rules import PIECE, BadHeader
from tests.backend.media.conftest import metadata

sizes = st.integers(0, 20 * PIECE) | st.integers(0, 8).map(lambda n: n * PIECE)


@given(size=sizes, is_listed=st.booleans())
def test_pieces_follow_each_other_to_the_files_end(size: int, is_listed: bool) -> None:
    offset, count = 0, 0
    while offset < size:
        end = rules.piece_end(offset, size, is_listed=is_listed)
        assert offset < end <= offset + (PIECE if is_listed else rules.UNLISTED_PIECE)
        assert end == size or not is_listed or end % PIECE == 0
        offset, count = end, count + 1
    assert offset == size
    if is_listed:
        chunks = b"".join(bytes([n]) * 32 for n in range(count))
        assert rules.is_list_of(chunks, size)
        assert not rules.is_list_of(chunks + bytes(32), size)
        assert [bytes([n]) * 32 for n in range(count)] == [rules.listed_digest(chunks, n * PIECE) for n in range(count)]


@given(st.binary(min_size=32, max_size=32))
def test_a_checksum_is_read_as_it_was_written(digest: bytes) -> None:
    assert digest == rules.checksum("sha256 " + b64encode(digest).decode())


@given(st.text())
def test_no_header_is_anything_but_read_or_refused(text: str) -> None:
    for read in (lambda: rules.checksum(text), lambda: rules.number("x", text), lambda: rules.wanted("1", text)):
        with suppress(BadHeader):
            read()


@given(st.uuids(), st.binary(min_size=32, max_size=32), st.integers(0, 2**40))
def test_metadata_is_read_as_it_was_written(entry, digest: bytes, size: int) -> None:
    text = metadata(sha256=digest.hex(), entry=str(entry), type="video/mp4")
    assert (entry, digest, "video/mp4", size) == rules.wanted(str(size), text)
    for part in ("sha256", "entry", "type"):
        less = ",".join(one for one in text.split(",") if not one.startswith(part))
        with pytest.raises(BadHeader) as caught:
            rules.wanted(str(size), less)
        assert f"/upload-metadata/{part}" == caught.value.pointer
