import random
import stat
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256

import pytest

from backend.log.keys import ED25519_FILE, P256_FILE, KeyUnusable, LogKeys
from backend.log.note import (
    Algorithm,
    BadNote,
    Checkpoint,
    VerifierKey,
    origin_of,
    parse_checkpoint,
    sign,
    verified_checkpoint,
    verified_text,
)

ORIGIN = "musterstadt.example/streife/log"
CHECKPOINT = Checkpoint(ORIGIN, 20852163, sha256(b"root").digest())


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> LogKeys:
    return LogKeys.load_or_create(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def note(keys) -> str:
    return sign(str(CHECKPOINT), keys.signers(ORIGIN))


def reason(note: bytes, known, origin=ORIGIN) -> str:
    with pytest.raises(BadNote) as refused:
        verified_checkpoint(note, known, origin)
    return refused.value.reason


def test_a_note_of_others_verifies():
    """The example of Go's x/mod/sumdb/note: bytes that we did not make."""
    known = [VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )  # fmt: skip
    line = (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert text == verified_text(f"{text}\n{line}".encode(), known)


def test_the_id_of_a_p256_key_is_the_one_that_others_compute():
    """Rekor's public key and the id that its checkpoints carry."""
    spki = b64decode(
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwrkBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/"
        "9A/bY2LhC30M9+RYtw=="
    )
    assert VerifierKey("rekor.sigstore.dev", Algorithm.ECDSA, spki).id.hex() == "c0d23d6a"


def test_both_keys_sign_and_each_alone_verifies(keys, note):
    p256, ed25519 = keys.verifier_keys(ORIGIN)
    for known in ([p256], [ed25519], [p256, ed25519]):
        assert verified_checkpoint(note.encode(), known, ORIGIN) == CHECKPOINT
    assert [b64decode(str(key).split("+", 2)[2])[:1] for key in (p256, ed25519)] == [b"\x02", b"\x01"]


def test_a_checkpoint_is_three_lines_and_one_for_each_key(note):
    lines = note.split("\n")
    assert [ORIGIN, "20852163", b64encode(CHECKPOINT.root).decode(), ""] == lines[:4]
    assert [line.startswith(f"— {ORIGIN} ") for line in lines[4:-1]] == [True, True]
    assert lines[-1] == ""


def test_keys_survive_as_text(keys):
    for key in keys.verifier_keys(ORIGIN):
        assert key == VerifierKey.parse(str(key))


@pytest.mark.parametrize("text", ["", "a+b+c", "a+00000000+AQ==", "a b+00000000+AQAA", "a+c74f20a3+BwAA"])
def test_other_texts_are_no_keys(text):
    with pytest.raises(ValueError):
        VerifierKey.parse(text)


def test_one_broken_line_of_a_known_key_rejects_the_note(keys, note):
    known = keys.verifier_keys(ORIGIN)
    first, second = (line for line in note.split("\n") if line.startswith("—"))
    for line in (first, second):
        name, packed = line.rsplit(" ", 1)
        for place in (4, 20, -1):
            broken = bytearray(b64decode(packed))
            broken[place] ^= 1
            changed = note.replace(line, f"{name} {b64encode(bytes(broken)).decode()}")
            assert reason(changed.encode(), known) == "signature_invalid"


def test_lines_of_unknown_keys_are_ignored(keys, note):
    p256, _ = keys.verifier_keys(ORIGIN)
    witness = f"— witness.example {b64encode(bytes(76)).decode()}\n"
    same_name = f"— {ORIGIN} {b64encode(bytes(68)).decode()}\n"
    assert verified_checkpoint((note + witness + same_name).encode(), [p256], ORIGIN) == CHECKPOINT


def test_without_a_known_line_the_note_proves_nothing(keys, note, tmp_path):
    other = LogKeys.load_or_create(tmp_path).verifier_keys(ORIGIN)
    assert reason(note.encode(), other) == "key_unknown"
    assert reason(note.encode(), []) == "key_unknown"
    renamed = note.replace(f"— {ORIGIN} ", "— other.example ")
    assert reason(renamed.encode(), keys.verifier_keys(ORIGIN)) == "key_unknown"


def test_a_known_key_under_another_logs_text_is_the_wrong_log(keys):
    theirs = sign(str(Checkpoint("other.example/streife/log", 1, bytes(32))), keys.signers(ORIGIN))
    assert reason(theirs.encode(), keys.verifier_keys(ORIGIN)) == "wrong_log"


def test_every_flipped_bit_of_the_text_is_found(keys, note):
    known = keys.verifier_keys(ORIGIN)
    raw = note.encode()
    for place in range(len(str(CHECKPOINT))):
        for bit in range(8):
            changed = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
            assert reason(changed, known) in ("malformed", "signature_invalid")


def test_no_bytes_raise_anything_but_a_finding(keys, note):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng, known = random.Random(seed), keys.verifier_keys(ORIGIN)
    for _ in range(2000):
        raw = bytearray(note.encode())
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(raw))
            match rng.randrange(3):
                case 0:
                    raw[place] = rng.randrange(256)
                case 1:
                    del raw[place:]
                case _:
                    raw[place:place] = rng.choice([b"\n", b"\n\n", " — ".encode(), b"=", b"\0"])
            if not raw:
                break
        with suppress(BadNote):
            assert verified_checkpoint(bytes(raw), known, ORIGIN) == CHECKPOINT


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", f"a\n01\n{'A' * 43}=\n", f"a\n-1\n{'A' * 43}=\n", f"a\n1\n{'A' * 42}B=\n", "a\n1\nAAAA\n",
     f"\n1\n{'A' * 43}=\n", f"a\n1\n{'A' * 43}=", f"a\n1\n{'A' * 43}=\n\n", f"a\n٣\n{'A' * 43}=\n"],
)  # fmt: skip
def test_other_texts_are_no_checkpoints(text):
    with pytest.raises(BadNote) as refused:
        parse_checkpoint(text)
    assert refused.value.reason == "malformed"


def test_further_lines_of_a_checkpoint_are_ignored():
    assert parse_checkpoint(f"{CHECKPOINT}extension\n") == CHECKPOINT


def test_too_many_signatures_are_refused_and_sixteen_are_not(keys, note):
    p256, _ = keys.verifier_keys(ORIGIN)
    line = f"— witness.example {b64encode(bytes(76)).decode()}\n"
    assert verified_checkpoint((note + line * 14).encode(), [p256], ORIGIN) == CHECKPOINT
    assert reason((note + line * 31).encode(), [p256]) == "malformed"


def test_keys_are_made_once_and_for_this_user_only(tmp_path):
    folder = tmp_path / "new" / "keys"
    first, second = (LogKeys.load_or_create(folder).verifier_keys(ORIGIN) for _ in range(2))
    assert first == second
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        P256_FILE: 0o600,
        ED25519_FILE: 0o600,
    }


def test_processes_that_start_at_once_get_the_same_keys(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: LogKeys.load_or_create(tmp_path).verifier_keys(ORIGIN), range(32)))
    assert len(set(found)) == 1
    assert {P256_FILE, ED25519_FILE} == {path.name for path in tmp_path.iterdir()}


def test_a_file_that_holds_no_such_key_is_named_and_kept(tmp_path):
    LogKeys.load_or_create(tmp_path)
    other = (tmp_path / ED25519_FILE).read_bytes()
    for name, content in ((P256_FILE, other), (ED25519_FILE, b"nothing")):
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content)
        with pytest.raises(KeyUnusable, match=name):
            LogKeys.load_or_create(tmp_path)
        assert content == (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(before)


def test_origin_is_the_towns_domain_and_the_logs_place():
    assert origin_of("musterstadt.example") == ORIGIN
