import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import InvalidKey
from sync.keys import (
    SourceKey,
    control_input,
    enrol_input,
    lease_input,
    public_key,
    seal,
    seal_input,
    verify,
    verify_seal,
)
from tests.sync.samples import SOURCE, rfc6979_key

HEAD = bytes.fromhex("93c6911dfeb845656ed5d58d9401c2e6979bdd9fd1c807246e36e6fa6f151ca2")
ONE_SEAL = bytes.fromhex(
    "c70f8fd7e2c909db231526769b41a423f42eccc55bf85648876d36068eb4d466"
    "520ef1506940262af87009b84ff879dd8d35dd404a49e6b46fa7d4d9cbe5483c"
)


def test_the_seal_of_the_worked_example_verifies() -> None:
    key = rfc6979_key()
    assert 91 == len(key.spki)
    assert "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4" == key.spki_sha256.hex()
    assert 128 == len(seal_input(SOURCE, 1, 1, HEAD))
    assert verify_seal(key.spki, ONE_SEAL, source=SOURCE, incarnation=1, seq=1, head=HEAD)


def test_a_seal_binds_source_incarnation_seq_hash_and_key() -> None:
    key = SourceKey.generate()
    made = seal(key, SOURCE, 2, 7, HEAD)
    other = SOURCE.replace("0", "1")
    assert verify_seal(key.spki, made, source=SOURCE, incarnation=2, seq=7, head=HEAD)
    assert not verify_seal(key.spki, made, source=other, incarnation=2, seq=7, head=HEAD)
    assert not verify_seal(key.spki, made, source=SOURCE, incarnation=1, seq=7, head=HEAD)
    assert not verify_seal(key.spki, made, source=SOURCE, incarnation=2, seq=8, head=HEAD)
    assert not verify_seal(key.spki, made, source=SOURCE, incarnation=2, seq=7, head=HEAD[::-1])
    assert not verify_seal(SourceKey.generate().spki, made, source=SOURCE, incarnation=2, seq=7, head=HEAD)


@given(st.integers(0, 511))
def test_a_flipped_bit_breaks_a_seal(bit: int) -> None:
    flipped = (int.from_bytes(ONE_SEAL, "big") ^ 1 << bit).to_bytes(64, "big")
    assert not verify(rfc6979_key().spki, seal_input(SOURCE, 1, 1, HEAD), flipped)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_false_signature_and_no_error(signature: bytes) -> None:
    assert not verify(rfc6979_key().spki, b"message", signature)


@pytest.mark.parametrize("signature", [b"", bytes(64), b"\xff" * 64, ONE_SEAL[:63], ONE_SEAL + b"\0"])
def test_degenerate_signatures_are_false(signature: bytes) -> None:
    assert not verify(rfc6979_key().spki, seal_input(SOURCE, 1, 1, HEAD), signature)


def test_a_der_signature_is_not_accepted() -> None:
    der = encode_dss_signature(int.from_bytes(ONE_SEAL[:32], "big"), int.from_bytes(ONE_SEAL[32:], "big"))
    assert not verify(rfc6979_key().spki, seal_input(SOURCE, 1, 1, HEAD), der)


def test_a_key_comes_back_from_its_file_which_only_its_owner_reads(tmp_path: Path) -> None:
    key, path = SourceKey.generate(), tmp_path / "key.pem"
    key.store(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert key.spki == SourceKey.load(path).spki
    assert [path] == list(tmp_path.iterdir())


def test_a_new_key_takes_the_place_of_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    SourceKey.generate().store(path)
    key = SourceKey.generate()
    key.store(path)
    assert key.spki == SourceKey.load(path).spki


def test_files_that_hold_no_p256_key_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(b"-----BEGIN NOTHING-----")
    with pytest.raises(InvalidKey):
        SourceKey.load(path)
    other = generate_private_key(SECP384R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(InvalidKey):
        SourceKey.load(path)


def test_a_public_key_has_one_form_only() -> None:
    key = generate_private_key(SECP256R1()).public_key()
    # The same point, compressed: readable, but its hash would name another key.
    point = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    compressed = bytes([0x30, len(algorithm) + 4 + len(point) - 1 + 1, *algorithm, 0x03, len(point) + 1, 0, *point])
    p384 = generate_private_key(SECP384R1()).public_key()
    for spki in (b"", b"junk", compressed, p384.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
        with pytest.raises(InvalidKey):
            public_key(spki)
    plain = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key == public_key(plain)
    with pytest.raises(InvalidKey):
        public_key(plain + b"\0")


def test_what_is_signed_is_fixed_to_the_byte() -> None:
    assert b'["streife.enrol.1","kJ-_","%s"]' % (b"00" * 32) == enrol_input("kJ-_", bytes(32))
    now = "2026-03-14T21:07:33.125Z"
    assert f'["streife.lease.1","{SOURCE}",3,"{now}"]'.encode() == lease_input(SOURCE, 3, now)
    assert f'["streife.control.1","{SOURCE}","lease","{now}"]'.encode() == control_input(SOURCE, "lease", now)
    assert f'["streife.control.1","{SOURCE}","wipe",""]'.encode() == control_input(SOURCE, "wipe")
