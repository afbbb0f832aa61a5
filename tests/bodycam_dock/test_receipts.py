"""Looking for a receipt that should not clear a camera and does: none may be found."""

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bodycam_dock.errors import ReceiptRefused
from bodycam_dock.receipts import Expected, verified
from sync.envelope import envelope, sign
from sync.journal import Place
from sync.keys import SourceKey
from tests.sync.samples import SOURCE

canonical = msgspec.json.Encoder(order="deterministic").encode
KEY, OTHER = SourceKey.generate(), SourceKey.generate()
PLACE = Place(1, 7, b"\x11" * 32, ("aa" * 32, "bb" * 32))
EXPECTED = Expected(SOURCE, (PLACE,), 0, 4711, "cam-7k2q9", 12)
PUBLIC = {
    "kind": "clip.received", "v": 1, "keyid": KEY.spki_sha256.hex(), "source": SOURCE, "incarnation": 1, "seq": 7,
    "entry_hash": "11" * 32, "media": "aa" * 32, "size": 4711, "camera": "cam-7k2q9", "camera_seq": 12,
    "delete_at": "2026-03-28T21:07:33.125Z", "stored_at": "2026-03-14T21:07:33.125Z", "prev": None, "subject": "clip",
}  # fmt: skip


def signed(payload: bytes, key: SourceKey = KEY) -> bytes:
    return envelope(payload, key.spki_sha256, sign(key, payload))


def test_the_towns_own_receipt_for_this_file_holds() -> None:
    payload = canonical(PUBLIC)
    found = verified(signed(payload), KEY.spki, EXPECTED)
    assert sha256(payload).hexdigest() == found.digest
    assert "2026-03-28T21:07:33.125000+00:00" == found.delete_at.isoformat()


def test_the_receipt_of_an_earlier_incarnation_holds() -> None:
    newer = Place(2, 1, b"\x22" * 32, PLACE.media)
    assert verified(signed(canonical(PUBLIC)), KEY.spki, EXPECTED._replace(places=(newer, PLACE))).digest


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("kind", "clip.classified"), ("kind", "entry.admitted"), ("v", 2), ("keyid", OTHER.spki_sha256.hex()),
        ("source", SOURCE.replace("019c", "019d")), ("incarnation", 2), ("seq", 8), ("entry_hash", "22" * 32),
        ("media", "bb" * 32), ("media", "cc" * 32), ("size", 4710), ("size", True), ("camera", "cam-other"),
        ("camera_seq", 13), ("delete_at", "soon"), ("stored_at", None),
    ],
    ids=lambda value: value if value in PUBLIC else "",
)  # fmt: skip
def test_a_truly_signed_receipt_of_anything_else_is_refused(member: str, value: object) -> None:
    with pytest.raises(ReceiptRefused):
        verified(signed(canonical(PUBLIC | {member: value})), KEY.spki, EXPECTED)


@pytest.mark.parametrize("member", [name for name in PUBLIC if name not in {"prev", "subject"}])
def test_a_receipt_that_leaves_something_out_is_refused(member: str) -> None:
    with pytest.raises(ReceiptRefused):
        verified(signed(canonical({k: v for k, v in PUBLIC.items() if k != member})), KEY.spki, EXPECTED)


def test_another_key_is_refused_also_when_it_claims_to_be_the_towns() -> None:
    payload = canonical(PUBLIC)
    for forged in (signed(payload, OTHER), envelope(payload, KEY.spki_sha256, sign(OTHER, payload))):
        with pytest.raises(ReceiptRefused):
            verified(forged, KEY.spki, EXPECTED)


def test_a_payload_in_another_form_is_refused() -> None:
    """Two texts for one meaning would be two digests for one receipt; a repeated member could say two things."""
    plain = canonical(PUBLIC)
    for payload in (
        plain.replace(b",", b", "),
        plain[:-1] + b',"size":4711}',
        msgspec.json.encode(PUBLIC),
        b"{}",
        b"[]",
    ):
        with pytest.raises(ReceiptRefused):
            verified(signed(payload), KEY.spki, EXPECTED)


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_no_change_of_a_receipts_bytes_holds_for_another_clip(data) -> None:
    """Whatever is done to the envelope, it is refused or proves exactly what it did before."""
    whole = bytearray(signed(canonical(PUBLIC)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole) - 1))
        match data.draw(st.sampled_from(["flip", "drop", "insert", "double"])):
            case "flip":
                whole[at] ^= 1 << data.draw(st.integers(0, 7))
            case "drop":
                del whole[at]
            case "insert":
                whole.insert(at, data.draw(st.integers(0, 255)))
            case "double":
                whole[at:at] = whole[at : at + 20]
    for expected in (EXPECTED, EXPECTED._replace(camera_seq=13), EXPECTED._replace(position=1)):
        try:
            found = verified(bytes(whole), KEY.spki, expected)
        except ReceiptRefused:
            continue
        assert expected is EXPECTED
        assert sha256(canonical(PUBLIC)).hexdigest() == found.digest


@given(st.binary(max_size=200))
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(ReceiptRefused):
        verified(data, KEY.spki, EXPECTED)
