import json
from base64 import b64encode

import pytest

from sync import envelope
from sync.errors import InvalidEnvelope
from sync.keys import SourceKey

KEY = SourceKey.generate()
PAYLOAD = b'{"kind":"clip.received","v":1}'
GOOD = envelope.envelope(PAYLOAD, KEY.spki_sha256, envelope.sign(KEY, PAYLOAD))


def test_what_is_signed_is_dsse_1():
    assert b"DSSEv1 29 http://example.com/HelloWorld 11 hello world" == envelope.pre_authentication(
        b"hello world", "http://example.com/HelloWorld"
    )


def test_an_envelope_gives_its_payload_back_to_whoever_knows_the_key():
    assert PAYLOAD == envelope.opened(GOOD, KEY.spki)


def test_another_key_is_refused():
    with pytest.raises(InvalidEnvelope):
        envelope.opened(GOOD, SourceKey.generate().spki)


@pytest.mark.parametrize("place", range(len(GOOD)))
def test_no_bit_of_it_can_change(place):
    changed = bytearray(GOOD)
    changed[place] ^= 1
    with pytest.raises(InvalidEnvelope):
        envelope.opened(bytes(changed), KEY.spki)


@pytest.mark.parametrize(
    "change",
    [
        {"payloadType": "application/json"},
        {"payload": b64encode(PAYLOAD).decode() + "\n"},
        {"payload": b64encode(PAYLOAD).decode().rstrip("=") + "=="},
        {"signatures": []},
        {"more": 1},
    ],
)
def test_another_form_is_refused(change):
    with pytest.raises(InvalidEnvelope):
        envelope.opened(json.dumps(json.loads(GOOD) | change).encode(), KEY.spki)
