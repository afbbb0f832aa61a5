"""The tamper classes of design/evidence.md 12, each as what somebody does to a clean package.

A case returns exactly the findings that it must bring, code and place; whoever has no keys leaves the manifests as they
are (`outside`), the insider makes them and the release anew. Numbers are those of the table.
"""

import io
import json
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from backend.evidence import package, verify
from backend.log import note, rules
from backend.log.canonical import canonical, instant
from sync.entry import Entry, chain_hash, header
from sync.envelope import sign
from sync.keys import SourceKey, seal
from tests.backend.evidence.story import CHUNK, ORIGIN, Clip, Package, Story, standard, tiles

Found = set[tuple[str, str]]
Tamper = Callable[[Package], Found]


@dataclass(frozen=True)
class Case:
    number: str
    code: str
    name: str
    tamper: Tamper
    #: The insider makes manifests and release anew.
    reseals: bool = True
    #: What happened before; the tampering may also be a part of it.
    story: Callable[[], Story] = standard
    #: Options of the verifier.
    options: Callable[[Package], dict[str, Any]] = lambda _: {}


CASES: list[Case] = []


def case(number: str, code: str, **more: Any) -> Callable[[Tamper], Tamper]:
    def register(tamper: Tamper) -> Tamper:
        CASES.append(Case(number, code, tamper.__name__, tamper, **more))
        return tamper

    return register


def record(index: int) -> str:
    return f"{verify.RECORDS}#{index}"


def key(index: int) -> str:
    return f"{verify.KEYS}#{index}"


def proof(index: int) -> str:
    return f"{verify.PROOFS}{index}.tlog-proof"


def private(id: str) -> str:
    return f"{verify.PRIVATE}{id}.json"


def seq(dock: Any, number: int) -> str:
    return f"{verify.JOURNAL}#{dock.source}/{dock.incarnation}/{number}"


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# ---- 1–11: originals


def large() -> Story:
    """The second clip has three pieces, the last one short."""
    return standard(big=2 * CHUNK + 1000)


@case("1", "original_changed", reseals=False)
def one_bit_of_an_original(p: Package) -> Found:
    name = p.story.file_of(p.story.one)
    p.files[name] = flipped(p.files[name], 300)
    return {("original_changed", name)}


@case("1", "original_changed", reseals=False, story=large)
def one_bit_in_the_second_piece(p: Package) -> Found:
    name = p.story.file_of(p.story.two)
    p.files[name] = flipped(p.files[name], CHUNK + 5)
    return {("original_changed", name)}


@case("2", "original_truncated", reseals=False)
def last_byte_cut(p: Package) -> Found:
    name = p.story.file_of(p.story.one)
    p.files[name] = p.files[name][:-1]
    return {("original_truncated", name)}


@case("2", "original_truncated", reseals=False, story=large)
def last_piece_cut(p: Package) -> Found:
    name = p.story.file_of(p.story.two)
    p.files[name] = p.files[name][: 2 * CHUNK]
    return {("original_truncated", name)}


@case("3", "original_extended", reseals=False)
def byte_appended(p: Package) -> Found:
    name = p.story.file_of(p.story.one)
    p.files[name] += b"\0"
    return {("original_extended", name)}


@case("3", "original_extended", reseals=False, story=large)
def two_pieces_appended(p: Package) -> Found:
    name = p.story.file_of(p.story.two)
    p.files[name] += bytes(2 * CHUNK)
    return {("original_extended", name)}


@case("4", "chunks_reordered", reseals=False, story=large)
def two_chunks_exchanged(p: Package) -> Found:
    name = p.story.file_of(p.story.two)
    data = p.files[name]
    p.files[name] = data[CHUNK : 2 * CHUNK] + data[:CHUNK] + data[2 * CHUNK :]
    return {("chunks_reordered", name)}


@case("5", "original_replaced", reseals=False, story=large)
def re_encoded(p: Package) -> Found:
    name = p.story.file_of(p.story.two)
    p.files[name] = p.story.random.randbytes(2 * CHUNK - 77)
    return {("original_replaced", name)}


@case("6", "original_swapped", reseals=False)
def two_originals_swap_names(p: Package) -> Found:
    one, two = p.story.file_of(p.story.one), p.story.file_of(p.story.two)
    p.files[one], p.files[two] = p.files[two], p.files[one]
    return {("original_swapped", one), ("original_swapped", two)}


@case("7", "original_missing", reseals=False)
def original_gone(p: Package) -> Found:
    name = p.story.file_of(p.story.one)
    del p.files[name]
    return {("original_missing", name)}


@case("7", "original_missing")
def original_gone_and_resealed(p: Package) -> Found:
    name = p.story.file_of(p.story.two)
    del p.files[name]
    return {("original_missing", name)}


@case("8", "original_changed", reseals=False)
def creation_time_edited(p: Package) -> Found:
    name = p.story.file_of(p.story.two)
    p.files[name] = p.files[name][:40] + b"\xe5\xdb\x6f\x00" + p.files[name][44:]
    return {("original_changed", name)}


@case("9", "original_changed", reseals=False)
def manifest_redone(p: Package) -> Found:
    name = p.story.file_of(p.story.one)
    old, new = p.files[name], flipped(p.files[name], 7)
    p.files[name] = new
    manifest = p.files[verify.MANIFEST]
    p.files[verify.MANIFEST] = manifest.replace(sha256(old).hexdigest().encode(), sha256(new).hexdigest().encode())
    return {("original_changed", name), ("file_changed", verify.MANIFEST)}


@case("10", "package_signature_invalid", reseals=False)
def both_manifests_redone(p: Package) -> Found:
    found = manifest_redone(p) - {("file_changed", verify.MANIFEST)}
    p.retag()
    return found | {("package_signature_invalid", verify.TAGMANIFEST)}


def lying(**lies: Any) -> Callable[[], Story]:
    """A dock whose body contradicts itself."""

    def story() -> Story:
        story = Story()
        story.founded()
        story.a = story.dock()
        story.one = Clip(story.a, "cam-a", 1, b"some video", lies=lies)
        story.a.sealed()
        story.a.admit(story.one.entry)
        story.one.received()
        story.requested_and_approved()
        story.take(story.one)
        return story

    return story


@case("11", "chunk_list_contradicts_digest", story=lying(sha256=sha256(b"another").hexdigest()))
def digest_of_another_file(p: Package) -> Found:
    return {("chunk_list_contradicts_digest", p.story.file_of(p.story.one))}


@case("11", "chunk_list_contradicts_digest", story=lying(chunks="A" * 43))
def chunk_list_of_another_file(p: Package) -> Found:
    return {("chunk_list_contradicts_digest", p.story.file_of(p.story.one))}


# ---- 12–15: private parts


def edit_private(p: Package, change: Callable[[dict[str, str]], dict[str, str]]) -> str:
    name = private(p.story.gap.id)
    p.files[name] = json.dumps(
        change(json.loads(p.files[name])), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    return name


@case("12", "commitment_mismatch")
def salt_changed(p: Package) -> Found:
    name = edit_private(p, lambda value: value | {"salt": b64encode(flipped(b64decode(value["salt"]), 3)).decode()})
    return {("commitment_mismatch", name)}


@case("13", "commitment_mismatch")
def word_swapped_in_a_body(p: Package) -> Found:
    name = edit_private(p, lambda value: value | {"body": value["body"].replace("unknown", "formatted")})
    return {("commitment_mismatch", name)}


@case("14", "commitment_mismatch")
def body_re_encoded(p: Package) -> Found:
    name = edit_private(p, lambda value: value | {"body": value["body"].replace(": ", ":")})
    return {("commitment_mismatch", name)}


@case("15", "private_part_missing", reseals=False)
def disclosed_body_removed(p: Package) -> Found:
    name = private(p.story.one.id)
    del p.files[name]
    return {("private_part_missing", name)}


@case("15", "private_part_missing")
def body_of_an_original_removed_and_resealed(p: Package) -> Found:
    name = private(p.story.two.id)
    del p.files[name]
    return {("private_part_missing", name)}


# ---- 16–26: records


def chained(p: Package, index: int) -> Found:
    """Whatever follows the record in its item's chain no longer links to it."""
    subject = json.loads(p.story.payloads[index]).get("subject")
    later = [
        n for n, payload in p.story.payloads.items() if n > index and json.loads(payload).get("subject") == subject
    ]
    return {("custody_gap", record(min(later)))} if later else set()


@case("16", "record_signature_invalid")
def public_field_changed(p: Package) -> Found:
    index = p.story.holds[p.story.two.id]
    p.edit(index, lambda public: public | {"ground": "danger_prevention"})
    return {("record_signature_invalid", record(index)), ("record_not_in_log", record(index))}


@case("16", "record_signature_invalid")
def signature_taken_away(p: Package) -> Found:
    index = p.story.received[p.story.seven.id]
    lines = p.lines(verify.RECORDS)
    lines[p.line_of(index)]["envelope"]["signatures"] = []
    p.put(verify.RECORDS, lines)
    return {("record_signature_invalid", record(index))}


@case("17", "key_unknown")
def signed_by_a_new_key(p: Package) -> Found:
    index, new = p.story.holds[p.story.two.id], SourceKey.generate()
    p.edit(index, lambda public: public | {"ground": "x", "keyid": new.spki_sha256.hex()}, key=new)
    return {("key_unknown", record(index)), ("record_not_in_log", record(index))}


@case("18", "record_not_in_log")
def signed_by_the_record_key(p: Package) -> Found:
    index = p.story.holds[p.story.two.id]
    p.edit(index, lambda public: public | {"ground": "x"}, key=p.story.record_key)
    return {("record_not_in_log", record(index))}


def misspelt(p: Package, payload: Callable[[bytes], bytes]) -> Found:
    """A record in another form than the one, signed and logged by an insider as it stands."""
    story, index = p.story, p.story.holds[p.story.two.id]
    new = payload(story.payloads[index])
    assert new != story.payloads[index]
    leaves = list(story.leaves)
    leaves[index] = sha256(new).digest()
    story.payloads[index] = new
    story.signatures[index] = ((story.record_key.spki_sha256.hex(), sign(story.record_key, new)),)
    fresh = Package(story, story.build(leaves).data)
    p.files, p.top = fresh.files, fresh.top
    return {("record_not_canonical", record(index))}


@case("19", "record_not_canonical")
def duplicate_key(p: Package) -> Found:
    return misspelt(p, lambda payload: payload.replace(b'"ground":', b'"ground":"x","ground":'))


@case("20", "record_not_canonical")
def float_for_an_integer(p: Package) -> Found:
    return misspelt(p, lambda payload: payload.replace(b'"v":1', b'"v":1.0'))


@case("20", "record_not_canonical")
def space_between(p: Package) -> Found:
    return misspelt(p, lambda payload: payload.replace(b'"v":1', b'"v": 1'))


@case("20", "record_not_canonical")
def other_order(p: Package) -> Found:
    return misspelt(p, lambda payload: payload.replace(b',"v":1', b"").replace(b"{", b'{"v":1,', 1))


@case("20", "record_not_canonical")
def integer_too_big(p: Package) -> Found:
    return misspelt(p, lambda payload: payload.replace(b',"v":1', b',"u":9007199254740992,"v":1'))


@case("20", "record_not_canonical")
def key_that_other_encoders_sort_otherwise(p: Package) -> Found:
    return misspelt(p, lambda payload: payload.replace(b',"v":1', b',"v":1,"\xf0\x9f\x98\x80":1'))


@case("20", "record_not_canonical")
def envelope_with_a_space(p: Package) -> Found:
    index = p.story.holds[p.story.two.id]
    lines = p.files[verify.RECORDS].split(b"\n")
    n = p.line_of(index)
    lines[n] = lines[n].replace(b'"index":', b'"index": ')
    p.files[verify.RECORDS] = b"\n".join(lines)
    return {("record_not_canonical", f"{verify.RECORDS}:{n + 1}"), ("record_missing", record(index))}


@case("20", "record_not_canonical")
def base64_in_another_spelling(p: Package) -> Found:
    index = next(
        n for n in _logged(p) if len(p.story.payloads[n]) % 3 == 1 and b'"clip.received"' not in p.story.payloads[n]
    )
    lines = p.lines(verify.RECORDS)
    envelope = lines[p.line_of(index)]["envelope"]
    text = envelope["payload"]
    assert text.endswith("==")
    envelope["payload"] = text[:-3] + chr(ord(text[-3]) + 1) + "=="
    p.put(verify.RECORDS, lines)
    return {("record_not_canonical", record(index)), *chained(p, index)}


def _logged(p: Package) -> list[int]:
    return [line["index"] for line in p.lines(verify.RECORDS)]


@case("21", "record_type_unknown")
def payload_type_changed(p: Package) -> Found:
    index = p.story.holds[p.story.two.id]
    lines = p.lines(verify.RECORDS)
    lines[p.line_of(index)]["envelope"]["payloadType"] = "application/vnd.in-toto+json"
    p.put(verify.RECORDS, lines)
    return {("record_type_unknown", record(index))}


@case("22", "wrong_town")
def record_of_another_town(p: Package) -> Found:
    index = p.story.holds[p.story.two.id]
    p.edit(index, lambda public: public | {"town": p.story.uuid()}, key=p.story.record_key)
    return {("wrong_town", record(index)), ("record_not_in_log", record(index))}


def newer() -> Story:
    story = standard()
    story.newer = story.record("clip.viewed", story.two.id, {}, private={"reason": "x"})
    payload = story.payloads[story.newer].replace(b'"v":1', b'"v":2')
    story.payloads[story.newer], story.leaves[story.newer] = payload, sha256(payload).digest()
    story.signatures[story.newer] = ((story.record_key.spki_sha256.hex(), sign(story.record_key, payload)),)
    return story


@case("23", "record_version_unknown", story=newer)
def newer_version(p: Package) -> Found:
    return {("record_version_unknown", record(p.story.newer))}


@case("24", "record_duplicate")
def record_line_twice(p: Package) -> Found:
    index = p.story.holds[p.story.two.id]
    lines = p.lines(verify.RECORDS)
    n = p.line_of(index)
    p.put(verify.RECORDS, [*lines[: n + 1], *lines[n:]])
    return {("record_duplicate", record(index))}


@case("25", "records_out_of_order")
def record_lines_reordered(p: Package) -> Found:
    lines = p.lines(verify.RECORDS)
    first, second = p.story.holds[p.story.one.id], p.story.holds[p.story.two.id]
    a, b = p.line_of(first), p.line_of(second)
    lines[a], lines[b] = lines[b], lines[a]
    p.put(verify.RECORDS, lines)
    return {("records_out_of_order", record(first))}


@case("26", "record_missing")
def record_line_removed(p: Package) -> Found:
    index = p.story.viewed
    lines = p.lines(verify.RECORDS)
    del lines[p.line_of(index)]
    p.put(verify.RECORDS, lines)
    return {("record_missing", record(index))}


@case("26", "record_missing")
def record_line_in_the_middle_of_a_chain_removed(p: Package) -> Found:
    index = p.story.classified[p.story.two.id]
    lines = p.lines(verify.RECORDS)
    del lines[p.line_of(index)]
    p.put(verify.RECORDS, lines)
    return {("record_missing", record(index))} | chained(p, index)


# ---- 27–37, 97: journals, gaps


def journal(p: Package) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """The lines, and where the entries of the first dock stand in them."""
    lines = p.lines(verify.JOURNAL)
    own = {line["seq"]: n for n, line in enumerate(lines) if line["source"] == p.story.a.source and "header" in line}
    return lines, own


@case("27", "chain_broken")
def entry_header_changed(p: Package) -> Found:
    lines, at = journal(p)
    lines[at[6]]["header"] = lines[at[6]]["header"].replace("camera.docked", "camera.dockee")
    p.put(verify.JOURNAL, lines)
    return {("chain_broken", seq(p.story.a, 6))}


@case("28", "chain_gap")
def entry_removed(p: Package) -> Found:
    lines, at = journal(p)
    del lines[at[6]]
    p.put(verify.JOURNAL, lines)
    return {("chain_gap", seq(p.story.a, 6))}


@case("29", "chain_broken")
def entry_inserted(p: Package) -> Found:
    lines, at = journal(p)
    a = p.story.a
    sixth, before = a.entries[5][0], a.entries[4][1]
    forged = Entry(**{name: getattr(sixth, name) for name in Entry.__struct_fields__} | {"id": p.story.uuid()})
    new = lines[at[6]] | {"header": header(forged).decode(), "hash": chain_hash(before, header(forged)).hex()}
    for number in (7, 6):
        line = lines[at[number]]
        line["header"] = line["header"].replace(f'.1",{number},', f'.1",{number + 1},')
        line["seq"] = number + 1
    lines.insert(at[6], new)
    lines = [line | {"seq": 8} if "seal" in line and line["seq"] == 7 else line for line in lines]
    p.put(verify.JOURNAL, lines)
    # The sixth is what it claims to be, but nothing follows from it; and the log knows the true sixth.
    return {
        ("chain_broken", seq(a, 6)), ("chain_broken", seq(a, 7)), ("chain_broken", seq(a, 8)),
        ("seal_invalid", seq(a, 8)),
    }  # fmt: skip


@case("30", "chain_reordered")
def two_entries_exchanged(p: Package) -> Found:
    lines, at = journal(p)
    lines[at[6]], lines[at[7]] = lines[at[7]], lines[at[6]]
    p.put(verify.JOURNAL, lines)
    return {("chain_reordered", seq(p.story.a, 6)), ("chain_reordered", seq(p.story.a, 7))}


@case("30", "chain_reordered")
def two_headers_exchanged(p: Package) -> Found:
    lines, at = journal(p)
    first, second = lines[at[6]], lines[at[7]]
    first["header"], second["header"] = second["header"], first["header"]
    p.put(verify.JOURNAL, lines)
    return {("chain_reordered", seq(p.story.a, 6)), ("chain_reordered", seq(p.story.a, 7))}


@case("31", "chain_truncated")
def tail_before_the_sealed_head_gone(p: Package) -> Found:
    lines, at = journal(p)
    del lines[at[7]]
    p.put(verify.JOURNAL, lines)
    return {("chain_truncated", seq(p.story.a, 7))}


def reseal_journal(p: Package, signature: bytes, number: int = 7) -> None:
    lines = p.lines(verify.JOURNAL)
    for line in lines:
        if "seal" in line and line["source"] == p.story.a.source and line["seq"] == number:
            line["seal"] = b64encode(signature).decode()
    p.put(verify.JOURNAL, lines)


@case("32", "seal_invalid")
def seal_of_another_head(p: Package) -> Found:
    reseal_journal(p, p.story.a.seals[5])
    return {("seal_invalid", seq(p.story.a, 7))}


@case("33", "seal_wrong_source")
def sealed_by_another_source(p: Package) -> Found:
    a, b = p.story.a, p.story.b
    reseal_journal(p, seal(b.key, a.source, 1, 7, a.head))
    return {("seal_wrong_source", seq(a, 7))}


@case("34", "source_fork")
def one_number_two_hashes(p: Package) -> Found:
    lines, at = journal(p)
    a = p.story.a
    seventh = a.entries[6][0]
    forged = Entry(**{name: getattr(seventh, name) for name in Entry.__struct_fields__} | {"id": p.story.uuid()})
    new = lines[at[7]] | {"header": header(forged).decode(), "hash": chain_hash(a.entries[5][1], header(forged)).hex()}
    lines.insert(at[7] + 1, new)
    p.put(verify.JOURNAL, lines)
    return {("source_fork", seq(a, 7))}


def second_journal() -> Story:
    """The first dock began a new journal, of which one entry is shown."""
    story = standard()
    story.again = story.dock(incarnation=2, source=story.a.source)
    entry = story.again.append("camera.docked", {"camera": "cam-a"})
    story.again.sealed()
    story.again.admit(entry)
    return story


@case("35", "incarnation_mismatch", story=second_journal)
def old_incarnation_as_new(p: Package) -> Found:
    """The lines of the first journal are shown as those of the second."""
    a, again = p.story.a, p.story.again
    lines = [line for line in p.lines(verify.JOURNAL) if line["source"] != a.source or line["incarnation"] == 1]
    lines = [line | {"incarnation": 2} if line["source"] == a.source else line for line in lines]
    p.put(verify.JOURNAL, lines)
    missing = {("chain_gap", p.story.file_of(clip)) for clip in (p.story.one, p.story.two)}
    return missing | {
        ("incarnation_mismatch", seq(again, 5)), ("incarnation_mismatch", seq(again, 7)),
        ("chain_wrong_genesis", seq(again, 0)), ("chain_broken", seq(again, 1)),
    }  # fmt: skip


@case("36", "camera_gap_unexplained")
def gap_entry_not_disclosed(p: Package) -> Found:
    del p.files[private(p.story.gap.id)]
    return {("camera_gap_unexplained", "cam-a#3")}


def contradicted() -> Story:
    """A gap that covers an existing clip."""
    story = Story()
    story.founded()
    story.a = story.dock()
    story.one = Clip(story.a, "cam-a", 1, b"video one")
    story.wait(minutes=5)
    story.two = Clip(story.a, "cam-a", 2, b"video two")
    story.gap = story.a.append("clip.gap", {"camera": "cam-a", "first": 2, "last": 2, "cause": "unknown"})
    story.a.sealed()
    for entry in (story.one.entry, story.two.entry, story.gap):
        story.a.admit(entry)
    story.one.received()
    story.two.received()
    story.requested_and_approved()
    story.take(story.one)
    story.take(story.two)
    story.disclose(story.a, story.gap)
    return story


@case("37", "gap_contradicted", story=contradicted)
def gap_over_an_existing_clip(p: Package) -> Found:
    return {("gap_contradicted", "cam-a#2")}


@case("97", "chain_wrong_genesis")
def genesis_of_another_key(p: Package) -> Found:
    lines = p.lines(verify.JOURNAL)
    for line in lines:
        if line["source"] == p.story.a.source and line["seq"] == 0:
            line["hash"] = p.story.b.genesis.hex()
    p.put(verify.JOURNAL, lines)
    return {("chain_wrong_genesis", seq(p.story.a, 0)), ("chain_broken", seq(p.story.a, 1))}


# ---- 38–51, 55: log


def edit_proof(p: Package, index: int, change: Callable[[list[str]], list[str]]) -> str:
    name = proof(index)
    p.files[name] = "\n".join(change(p.files[name].decode().split("\n"))).encode()
    return name


@case("38", "inclusion_invalid")
def index_in_a_proof_changed(p: Package) -> Found:
    name = edit_proof(p, 10, lambda lines: [*lines[:2], "index 11", *lines[3:]])
    return {("inclusion_invalid", name)}


@case("39", "inclusion_invalid")
def sibling_hash_changed(p: Package) -> Found:
    other = b64encode(bytes(32)).decode()
    name = edit_proof(p, 10, lambda lines: [*lines[:4], other, *lines[5:]])
    return {("inclusion_invalid", name)}


@case("40", "inclusion_wrong_record")
def proof_of_another_record(p: Package) -> Found:
    p.files[proof(10)] = p.files[proof(13)]
    return {("inclusion_wrong_record", proof(10))}


@case("41", "inclusion_malformed")
def proof_too_short(p: Package) -> Found:
    name = edit_proof(p, 10, lambda lines: [*lines[:4], *lines[5:]])
    return {("inclusion_malformed", name)}


@case("41", "inclusion_malformed")
def proof_too_long(p: Package) -> Found:
    name = edit_proof(p, 10, lambda lines: [*lines[:4], *lines[3:]])
    return {("inclusion_malformed", name)}


@case("42", "inclusion_wrong_record")
def inner_node_as_leaf(p: Package) -> Found:
    """The node above leaf 10 and its neighbour, offered as a leaf with the rest of the path."""
    leaf, sibling = (rules.leaf_hash(p.story.leaves[index]) for index in (10, 11))
    node = b64encode(leaf + sibling).decode()
    name = edit_proof(p, 10, lambda lines: [lines[0], f"extra {node}", "index 5", *lines[4:]])
    return {("inclusion_wrong_record", name)}


def edit_checkpoint(p: Package, change: Callable[[list[str]], list[str]]) -> None:
    lines = p.files[verify.CHECKPOINT].decode().split("\n")
    p.files[verify.CHECKPOINT] = "\n".join(change(lines)).encode()


def all_proofs(p: Package, code: str = "inclusion_invalid") -> Found:
    return {(code, name) for name in p.files if name.endswith(".tlog-proof")}


@case("43", "checkpoint_signature_invalid")
def root_changed(p: Package) -> Found:
    root = b64encode(bytes(32)).decode()
    edit_checkpoint(p, lambda lines: [*lines[:2], root, *lines[3:]])
    return {("checkpoint_signature_invalid", verify.CHECKPOINT)} | all_proofs(p)


@case("44", "checkpoint_wrong_log")
def other_origin(p: Package) -> Found:
    story = p.story
    origin = "anderstadt.example/streife/log"
    root = rules.root_of(len(story.leaves), tiles(story.leaves))
    text = str(note.Checkpoint(origin, len(story.leaves), root))
    p.files[verify.CHECKPOINT] = note.sign(text, story.log_keys.signers(origin)).encode()
    return {("checkpoint_wrong_log", verify.CHECKPOINT)}


@case("45", "checkpoint_signature_invalid")
def one_known_line_broken(p: Package) -> Found:
    def broken(lines: list[str]) -> list[str]:
        name, _, packed = lines[5].rpartition(" ")
        return [*lines[:5], f"{name} {b64encode(flipped(b64decode(packed), 20)).decode()}", *lines[6:]]

    edit_checkpoint(p, broken)
    return {("checkpoint_signature_invalid", verify.CHECKPOINT)}


@case("46", "checkpoint_key_unknown")
def key_id_swapped(p: Package) -> Found:
    def swapped(lines: list[str]) -> list[str]:
        name, _, packed = lines[4].rpartition(" ")
        return [*lines[:4], f"{name} {b64encode(b'abcd' + b64decode(packed)[4:]).decode()}", *lines[5:]]

    edit_checkpoint(p, swapped)
    return {("checkpoint_key_unknown", verify.CHECKPOINT)}


@case("46", "checkpoint_key_unknown")
def key_unknown_to_the_root(p: Package) -> Found:
    other = Story(9)
    root = rules.root_of(len(p.story.leaves), tiles(p.story.leaves))
    text = str(note.Checkpoint(ORIGIN, len(p.story.leaves), root))
    p.files[verify.CHECKPOINT] = note.sign(text, other.log_keys.signers(ORIGIN)).encode()
    return {("checkpoint_key_unknown", verify.CHECKPOINT)}


@case("47", "checkpoint_too_old")
def checkpoint_older_than_a_record(p: Package) -> Found:
    story = p.story
    old = len(story.leaves) - 2
    fresh = story.build(story.leaves[:old])
    p.files, p.top = fresh.files, fresh.top
    last = max(story.payloads)
    assert last >= old
    return {("checkpoint_too_old", record(index)) for index in story.payloads if index >= old}


def given_out() -> Story:
    """An older checkpoint was given to somebody, and the log went on."""
    story = standard()
    story.older.append((20, story.checkpoint(20)))
    return story


def fresh_over(p: Package, leaves: list[bytes]) -> None:
    fresh = p.story.build(leaves)
    p.files, p.top = fresh.files, fresh.top


@case("48", "log_not_append_only", story=given_out)
def leaf_dropped_and_tree_redone(p: Package) -> Found:
    """Somebody else's record vanishes; everything is signed anew with the log's real keys."""
    leaves = list(p.story.leaves)
    leaves[0] = sha256(b"as if it had never been").digest()
    fresh_over(p, leaves)
    return {("log_not_append_only", f"{verify.CONSISTENCY}:1")}


@case("48", "consistency_missing", options=lambda p: {"older": [p.held]})
def leaf_dropped_while_a_recipient_holds_a_checkpoint(p: Package) -> Found:
    p.held = p.story.checkpoint(20).encode()
    leaves = list(p.story.leaves)
    leaves[0] = sha256(b"as if it had never been").digest()
    fresh_over(p, leaves)
    return {("consistency_missing", "Protokollstand 20")}


@case("49", "log_shrunk", story=given_out)
def log_cut_and_signed_again(p: Package) -> Found:
    size = len(p.story.leaves)
    p.story.older.append((size + 3, p.story.checkpoint(leaves=[*p.story.leaves, *[bytes(32)] * 3])))
    fresh_over(p, p.story.leaves)
    return {("log_shrunk", f"{verify.CONSISTENCY}:2")}


@case("50", "log_split_view", story=given_out)
def same_size_two_roots(p: Package) -> Found:
    size = len(p.story.leaves)
    other = [sha256(b"other").digest(), *p.story.leaves[1:]]
    p.story.older.append((size, p.story.checkpoint(leaves=other)))
    fresh_over(p, p.story.leaves)
    return {("log_split_view", f"{verify.CONSISTENCY}:2")}


@case("50", "log_split_view", options=lambda p: {"older": [p.held]})
def same_size_two_roots_by_the_recipients_own(p: Package) -> Found:
    other = [sha256(b"other").digest(), *p.story.leaves[1:]]
    p.held = p.story.checkpoint(leaves=other).encode()
    return {("log_split_view", f"Protokollstand {len(other)}")}


@case("51", "consistency_invalid", story=given_out)
def consistency_between_other_sizes(p: Package) -> Found:
    lines = p.lines(verify.CONSISTENCY)
    size, grown = len(p.story.leaves), tiles(p.story.leaves)
    path = [rules.range_hash(part, grown).hex() for part in rules.consistency_ranges(16, size)]
    p.put(verify.CONSISTENCY, [lines[0] | {"path": path}])
    return {("consistency_invalid", f"{verify.CONSISTENCY}:1")}


def logged_twice() -> Story:
    story = standard()
    story.twice = story.log(story.payloads[story.viewed], story.signatures[story.viewed])
    return story


@case("55", "record_logged_twice", story=logged_twice)
def record_at_two_indexes(p: Package) -> Found:
    return {("record_logged_twice", record(p.story.twice))}


# ---- 62–69, 96: keys


def early_use() -> Story:
    story = standard()
    story.statements = [(index, spki) for index, spki in story.statements if spki != story.b.key.spki]
    del story.heads[story.b.source]
    story.enrolled("seal:dock", story.b.key.spki, key=story.record_key, subject=story.b.source, incarnation=1)
    dropped = next(n for n, payload in story.payloads.items() if story.b.source.encode() in payload)
    del story.payloads[dropped]
    return story


@case("62", "key_not_yet_valid", story=early_use)
def used_before_enrolment(p: Package) -> Found:
    return {("key_not_yet_valid", seq(p.story.b, 1))}


def revoked_before() -> Story:
    """The dock was locked out at a place of the log before some of its entries."""
    story = standard()
    first = min(index for entry, index in story.admitted.items() if entry != story.seven.id)
    story.revoked(story.a, **{"from": first + 3})
    return story


@case("63", "key_revoked", story=revoked_before)
def logged_after_revocation(p: Package) -> Found:
    a, admitted = p.story.a, p.story.admitted
    since = min(admitted[entry.id] for entry, _ in a.entries if entry.id in admitted) + 3
    return {("key_revoked", seq(a, entry.seq)) for entry, _ in a.entries if admitted.get(entry.id, -1) >= since}


def revoked_after() -> Story:
    story = standard()
    story.revocation = story.revoked(story.a)
    return story


@case("64", "key_history_incomplete", story=revoked_after, reseals=False)
def revocation_left_out(p: Package) -> Found:
    """The line, its proof and the manifests are made anew; what the release says of the keys is the old digest."""
    before = p.public()
    p.put(verify.KEYS, [line for line in p.lines(verify.KEYS) if line.get("index") != p.story.revocation])
    del p.files[proof(p.story.revocation)]
    p.reseal()
    after = p.public()
    p.release(after | {"keys": before["keys"]})
    return {("key_history_incomplete", verify.KEYS)}


@case("65", "root_key_unknown", options=lambda p: {"root": SourceKey.generate().spki_sha256.hex()})
def attackers_root(p: Package) -> Found:
    return {("root_key_unknown", verify.KEYS)}


def rotation(*, with_old: bool) -> Callable[[], Story]:
    """The record key was changed; records after it are the new one's."""

    def story() -> Story:
        story = standard()
        old, new = story.record_key, SourceKey.generate()
        names = {"old_keyid": old.spki_sha256.hex(), "enrolled_keyid": new.spki_sha256.hex()}
        public = {"role": "record", "algorithm": "p256"} | names
        payload = story.payload("key.rotated", f"key:{names['enrolled_keyid']}", public, private=None, key=old)[0]
        signer = old if with_old else new
        signatures = ((names["old_keyid"], sign(signer, payload)), (names["enrolled_keyid"], sign(new, payload)))
        story.rotation = story.log(payload, signatures)
        story.statements.append((story.rotation, new.spki))
        story.record_key = new
        story.viewed_later = story.record("clip.viewed", story.two.id, {}, private={"reason": "x"})
        return story

    return story


@case("66", "key_rotation_invalid", story=rotation(with_old=False))
def rotation_without_the_old_key(p: Package) -> Found:
    return {("key_rotation_invalid", key(p.story.rotation))}


@case("67", "key_mismatch")
def known_keyid_other_bytes(p: Package) -> Found:
    lines = p.lines(verify.KEYS)
    index = next(index for index, spki in p.story.statements if spki == p.story.b.key.spki)
    lines[p.line_of(index, verify.KEYS)]["spki"] = b64encode(SourceKey.generate().spki).decode()
    p.put(verify.KEYS, lines)
    return {
        ("key_mismatch", key(index)), ("key_unknown", seq(p.story.b, 1)), ("chain_wrong_genesis", seq(p.story.b, 0)),
    }  # fmt: skip


@case("68", "key_wrong_role")
def dock_key_signs_a_receipt(p: Package) -> Found:
    index, dock = p.story.received[p.story.seven.id], p.story.b.key
    p.edit(index, lambda public: public | {"keyid": dock.spki_sha256.hex()}, key=dock)
    return {("key_wrong_role", record(index)), ("receipt_not_logged", record(index))} | chained(p, index)


def algorithm(name: str | None) -> Callable[[], Story]:
    """A dock whose statement names another algorithm, or none."""

    def story() -> Story:
        story = standard()
        key = SourceKey.generate()
        public = {"role": "seal:dock", "source_keyid": key.spki_sha256.hex(), "incarnation": 1}
        public |= {"algorithm": name} if name else {}
        story.odd = story.record("key.enrolled", story.uuid(), public)
        story.statements.append((story.odd, key.spki))
        return story

    return story


@case("69", "algorithm_not_allowed", story=algorithm("rsa"))
def other_algorithm(p: Package) -> Found:
    return {("algorithm_not_allowed", key(p.story.odd))}


@case("69", "algorithm_not_allowed", story=algorithm(None))
def no_algorithm(p: Package) -> Found:
    return {("algorithm_not_allowed", key(p.story.odd))}


def promoted() -> Story:
    """Whoever has the record key, but not the root, states a new root and has it state a new record key."""
    story = standard()
    root, record_key = SourceKey.generate(), SourceKey.generate()
    story.first = story.enrolled("root", root.spki, key=story.record_key)
    story.then = story.enrolled("record", record_key.spki, key=root)
    return story


@case("65", "key_wrong_role", story=promoted)
def second_root_by_the_record_key(p: Package) -> Found:
    return {("key_wrong_role", key(p.story.first)), ("key_unknown", key(p.story.then))}


def succeeded() -> Story:
    """Whoever has the record key states another one by it alone."""
    story = standard()
    story.odd = story.enrolled("record", SourceKey.generate().spki, key=story.record_key)
    return story


@case("66", "key_wrong_role", story=succeeded)
def record_key_stated_by_the_record_key(p: Package) -> Found:
    return {("key_wrong_role", key(p.story.odd))}


def two_keys() -> Story:
    """A second key for a journal that has one: whoever holds it could seal another history."""
    story = standard()
    spki = SourceKey.generate().spki
    story.odd = story.enrolled("seal:dock", spki, key=story.record_key, subject=story.a.source, incarnation=1)
    return story


@case("67", "key_mismatch", story=two_keys)
def second_key_for_a_journal(p: Package) -> Found:
    return {("key_mismatch", key(p.story.odd))}


def doubtful() -> Story:
    story = standard()
    story.first = min(index for entry, index in story.admitted.items() if entry != story.seven.id)
    story.revoked(story.a, compromised_since=story.first + 4)
    return story


@case("96", "key_doubtful", story=doubtful)
def seal_in_the_compromised_span(p: Package) -> Found:
    a = p.story.a
    return {
        ("key_doubtful", seq(a, entry.seq))
        for entry, _ in a.entries
        if p.story.admitted.get(entry.id, -1) >= p.story.first + 4
    }


# ---- 60, 61, 70–76: times and deletion


def alone(then: Callable[[Story, Clip], Any], *, received: dict[str, Any] | None = None) -> Callable[[], Story]:
    """One clip, and what happened to it; it is an item that is not part of the package."""

    def story() -> Story:
        story = Story()
        story.founded()
        story.a = story.dock()
        story.one = Clip(story.a, "cam-a", 1, b"a video")
        story.a.sealed()
        story.a.admit(story.one.entry)
        story.receipt = story.one.received(**(received or {}))
        then(story, story.one)
        story.requested_and_approved()
        story.take(story.one, state="withheld", reason="Probe")
        return story

    return story


def nothing(_: Story, __: Clip) -> None:
    pass


@case("60", "time_contradiction", story=alone(nothing, received={"stored_at": "2026-03-02T10:00:00.000Z"}))
def recorded_after_stored(p: Package) -> Found:
    return {("time_contradiction", record(p.story.receipt))}


def deleted_at(**after: float) -> Callable[[Story, Clip], None]:
    def then(story: Story, clip: Clip) -> None:
        story.now = clip.delete_at + timedelta(**after)
        story.stone = clip.deleted()

    return then


@case("70", "tombstone_contradicted")
def tombstone_and_clip_in_the_package(p: Package) -> Found:
    four = p.story.four
    name = f"data/originale/004_{four.id}.mp4"
    p.files[name] = four.data
    p.files[private(four.id)] = p.files[private(p.story.one.id)]
    salt, body = p.story.a.private[four.id]
    p.files[private(four.id)] = json.dumps(
        {"body": body.decode(), "salt": b64encode(salt).decode()}, separators=(",", ":"), ensure_ascii=False
    ).encode()
    return {("tombstone_contradicted", name)}


@case("71", "deletion_early", story=alone(deleted_at(days=-3)))
def deleted_early_by_one_person(p: Package) -> Found:
    return {("deletion_early", record(p.story.stone))}


def held_and_deleted(story: Story, clip: Clip) -> None:
    clip.held()
    deleted_at(minutes=5)(story, clip)


@case("72", "deletion_against_hold", story=alone(held_and_deleted))
def deleted_on_hold(p: Package) -> Found:
    return {("deletion_against_hold", record(p.story.stone))}


def waited(story: Story, clip: Clip) -> None:
    story.now = clip.delete_at + timedelta(hours=3)


@case("73", "deletion_overdue", story=alone(waited))
def late_without_tombstone_or_hold(p: Package) -> Found:
    return {("deletion_overdue", record(p.story.receipt))}


@case("73", "deletion_late", story=alone(deleted_at(hours=5)))
def deleted_late(p: Package) -> Found:
    return {("deletion_late", record(p.story.stone))}


def freed_and_left(story: Story, clip: Clip) -> None:
    clip.held()
    story.now = clip.delete_at + timedelta(days=30)
    clip.released()
    deleted_at(days=30, hours=5)(story, clip)


@case("73", "deletion_late", story=alone(freed_and_left))
def deleted_late_after_the_release(p: Package) -> Found:
    return {("deletion_late", record(p.story.stone))}


@case("74", "deadline_wrong", story=alone(nothing, received={"delete_at": "2026-06-01T00:00:00.000Z"}))
def deadline_of_another_class(p: Package) -> Found:
    return {("deadline_wrong", record(p.story.receipt))}


def with_kek(story: Story, clip: Clip) -> None:
    story.now = clip.delete_at + timedelta(minutes=10)
    story.stone = clip.deleted(keys_destroyed_at=instant(story.now), kek="kek-7")


@case("75", "key_destruction_unproved", story=alone(with_kek))
def no_record_of_the_destroyed_key(p: Package) -> Found:
    return {("key_destruction_unproved", record(p.story.stone))}


def held_too_late(story: Story, clip: Clip) -> None:
    story.now = clip.delete_at + timedelta(minutes=1)
    story.hold = clip.held()


@case("76", "hold_after_deadline", story=alone(held_too_late))
def hold_after_the_deadline(p: Package) -> Found:
    return {("hold_after_deadline", record(p.story.hold))}


# ---- 81–93, 98, 99: custody, bag, ZIP


def viewed_without_reason() -> Story:
    story = standard()
    story.bare = story.record("clip.viewed", story.two.id, {})
    return story


@case("81", "reason_missing", story=viewed_without_reason)
def view_without_reason(p: Package) -> Found:
    return {("reason_missing", record(p.story.bare))}


def left_out() -> Story:
    """The insider builds the package without one record of a chain: no line, no proof, no mention."""
    story = standard()
    story.after = story.record("clip.viewed", story.one.id, {}, private={"reason": "x"})
    story.left_out.add(story.viewed)
    return story


@case("82", "custody_gap", story=left_out)
def custody_link_left_out(p: Package) -> Found:
    return {("custody_gap", record(p.story.after))}


@case("82", "custody_gap")
def last_link_of_the_release_left_out(p: Package) -> Found:
    """`export.built` links to the approval, which is not there."""
    story = p.story
    index = next(n for n, payload in story.payloads.items() if b'"export.approved"' in payload)
    story.left_out.add(index)
    fresh_over(p, story.leaves)
    return {("custody_gap", verify.PAKET)}


@case("83", "extra_file", reseals=False)
def payload_file_added(p: Package) -> Found:
    p.files["data/originale/999_neu.mp4"] = b"new"
    return {("extra_file", "data/originale/999_neu.mp4")}


@case("83", "extra_file", reseals=False)
def file_added_beside(p: Package) -> Found:
    p.files["anleitung.exe"] = b"MZ"
    return {("extra_file", "anleitung.exe")}


@case("84", "file_renamed", reseals=False)
def file_renamed(p: Package) -> Found:
    name = p.story.file_of(p.story.two)
    p.files["data/originale/beweis.mp4"] = p.files.pop(name)
    return {("file_renamed", "data/originale/beweis.mp4")}


@case("85", "name_ambiguous")
def names_equal_but_for_case(p: Package) -> Found:
    p.files["data/Records/records.jsonl"] = b""
    return {("name_ambiguous", "data/records/records.jsonl")}


def zip_case(number: str, code: str) -> Callable[[Callable[[Package], tuple[Callable[[bytes], bytes], Found]]], None]:
    """The bytes of the ZIP are twisted, the files are as they were."""

    def register(make: Callable[[Package], tuple[Callable[[bytes], bytes], Found]]) -> None:
        def tamper(p: Package) -> Found:
            p.twist, found = make(p)
            return found

        CASES.append(Case(number, code, make.__name__, tamper, reseals=False))

    return register


def with_members(
    p: Package, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]
) -> Callable[..., bytes]:
    """The ZIP is written anew from another list of members, in that order."""

    def twist(_: bytes) -> bytes:
        file = io.BytesIO()
        writer = package.ZipWriter(file, p.top)
        for name, data in change(sorted(p.files.items())):
            writer.add(name, len(data), [data])
        writer.close()
        return file.getvalue()

    return twist


# ---- beyond the table


def jumps() -> Story:
    """The second clip begins before the first one's end, by the camera's own clock."""
    story = Story()
    story.founded()
    story.a = story.dock()
    story.one = Clip(story.a, "cam-a", 1, b"video one")
    story.two = Clip(story.a, "cam-a", 2, b"video two")
    story.a.sealed()
    for clip in (story.one, story.two):
        story.a.admit(clip.entry)
    story.one.received()
    story.receipt = story.two.received()
    story.requested_and_approved()
    story.take(story.one)
    story.take(story.two)
    return story


@case("61", "camera_clock_jump", story=jumps)
def starts_before_its_predecessors_end(p: Package) -> Found:
    return {("camera_clock_jump", record(p.story.receipt))}


@case("-", "custody_list_wrong")
def custody_list_names_another_hash(p: Package) -> Found:
    lines = p.lines(verify.CUSTODY)
    index = lines[3]["index"]
    p.put(verify.CUSTODY, [*lines[:3], lines[3] | {"hash": "00" * 32}, *lines[4:]])
    return {("custody_list_wrong", f"{verify.CUSTODY}#{index}")}


@case("-", "receipt_contradicts_entry", story=alone(nothing, received={"camera_seq": 8, "size": 7}))
def receipt_says_otherwise_than_the_entry(p: Package) -> Found:
    salt, body = p.story.a.private[p.story.one.id]
    p.files[private(p.story.one.id)] = json.dumps(
        {"body": body.decode(), "salt": b64encode(salt).decode()}, separators=(",", ":"), ensure_ascii=False
    ).encode()
    return {("receipt_contradicts_entry", record(p.story.receipt))}


@case("-", "deletion_unproved", story=alone(lambda story, clip: story.items.append({"item": "x", "state": "deleted"})))
def said_to_be_deleted_without_a_tombstone(p: Package) -> Found:
    return {("deletion_unproved", "x")}


@case("-", "seal_missing")
def journal_without_its_seal(p: Package) -> Found:
    lines = [line for line in p.lines(verify.JOURNAL) if "seal" not in line or line["seq"] != 7]
    p.put(verify.JOURNAL, lines)
    return {("seal_missing", seq(p.story.a, 7))}


@case("-", "checkpoint_missing")
def checkpoint_gone(p: Package) -> Found:
    del p.files[verify.CHECKPOINT]
    return {("checkpoint_missing", verify.CHECKPOINT)}


@case("-", "checkpoint_malformed")
def checkpoint_unreadable(p: Package) -> Found:
    p.files[verify.CHECKPOINT] = p.files[verify.CHECKPOINT][:-1]
    return {("checkpoint_malformed", verify.CHECKPOINT)}


@case("-", "root_key_missing")
def root_gone(p: Package) -> Found:
    lines = p.lines(verify.KEYS)
    p.put(verify.KEYS, [lines[0] | {"spki": "AAAA"}, *lines[1:]])
    return {("root_key_missing", verify.KEYS)} | {("key_unknown", key(index)) for index in (1, 2, 3)}


@case("-", "file_missing", reseals=False)
def readme_gone(p: Package) -> Found:
    del p.files["LIES-MICH.txt"]
    return {("file_missing", "LIES-MICH.txt")}


@case("-", "file_changed", reseals=False)
def readme_changed(p: Package) -> Found:
    p.files["LIES-MICH.txt"] += b" "
    return {("file_changed", "LIES-MICH.txt")}


@case("-", "file_unreadable")
def custody_list_unreadable(p: Package) -> Found:
    p.files[verify.CUSTODY] += b"{}\nx\n"
    count = p.files[verify.CUSTODY].count(b"\n")
    return {("file_unreadable", f"{verify.CUSTODY}:{count - 1}"), ("file_unreadable", f"{verify.CUSTODY}:{count}")}


@zip_case("86", "zip_duplicate_entry")
def one_name_twice(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    name = f"{p.top}/LIES-MICH.txt"
    return with_members(p, lambda members: [members[0], *members]), {("zip_duplicate_entry", name)}


@zip_case("87", "zip_header_mismatch")
def local_and_central_header_differ(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    name = f"{p.top}/bagit.txt"
    return lambda data: data.replace(name.encode(), name.replace("bagit", "begit").encode(), 1), {
        ("zip_header_mismatch", name)
    }


@zip_case("88", "zip_unsafe_path")
def path_upwards(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    name = "../../etc/cron.d/x"
    return with_members(p, lambda members: sorted([*members, (name, b"x")])), {("zip_unsafe_path", f"{p.top}/{name}")}


@zip_case("88", "zip_unsafe_path")
def backslash(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    name = "data\\x.exe"
    return with_members(p, lambda members: sorted([*members, (name, b"x")])), {("zip_unsafe_path", f"{p.top}/{name}")}


@zip_case("89", "zip_hidden_bytes")
def bytes_behind_the_end(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    return lambda data: data + b"hidden", {("zip_hidden_bytes", verify.DIRECTORY)}


@zip_case("89", "zip_hidden_bytes")
def bytes_between_two_members(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    """A file without a line in the directory; the directory is right about all others."""

    def twist(_: bytes) -> bytes:
        file = io.BytesIO()
        writer = package.ZipWriter(file, p.top)
        for name, data in sorted(p.files.items()):
            if name == "bagit.txt":
                file.write(b"hidden between")
            writer.add(name, len(data), [data])
        writer.close()
        return file.getvalue()

    return twist, {("zip_hidden_bytes", f"{p.top}/bagit.txt")}


@zip_case("89", "zip_hidden_bytes")
def two_names_share_their_bytes(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    def twist(_: bytes) -> bytes:
        file = io.BytesIO()
        writer = package.ZipWriter(file, p.top)
        for name, data in sorted(p.files.items()):
            writer.add(name, len(data), [data])
        first = writer._members[0]
        writer._members.insert(1, first._replace(name=f"{p.top}/LIES-MICH.txt2"))
        writer.close()
        return file.getvalue()

    name = f"{p.top}/LIES-MICH.txt2"
    # The second name is read where its header would end: as other bytes, and as a file that nobody listed.
    return twist, {("zip_hidden_bytes", name), ("zip_header_mismatch", name), ("extra_file", "LIES-MICH.txt2")}


@zip_case("90", "zip_not_stored")
def encrypted(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    """The flag of encryption, in both headers."""
    name = f"{p.top}/bagit.txt".encode()

    def twist(data: bytes) -> bytes:
        local = data.index(name) - 30
        central = data.rindex(name) - 46
        assert (data[local : local + 2], data[central : central + 2]) == (b"PK", b"PK")
        for at in (local + 6, central + 8):
            data = data[:at] + b"\x01" + data[at + 1 :]
        return data

    return twist, {("zip_not_stored", name.decode())}


@zip_case("88", "zip_unsafe_path")
def symbolic_link(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    """The mode of a link in the directory."""
    name = f"{p.top}/bagit.txt".encode()

    def twist(data: bytes) -> bytes:
        at = data.rindex(name) - 46 + 38
        return data[:at] + (0o120777 << 16).to_bytes(4, "little") + data[at + 4 :]

    return twist, {("zip_unsafe_path", name.decode())}


@zip_case("90", "zip_not_stored")
def compressed(p: Package) -> tuple[Callable[[bytes], bytes], Found]:
    def twist(_: bytes) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as written:
            for name, data in sorted(p.files.items()):
                info = zipfile.ZipInfo(f"{p.top}/{name}", (1980, 1, 1, 0, 0, 0))
                info.create_system = 0
                is_big = name == "verify.py"
                written.writestr(info, data, zipfile.ZIP_DEFLATED if is_big else zipfile.ZIP_STORED)
        return file.getvalue()

    name = f"{p.top}/verify.py"
    ours = {("zip_header_mismatch", f"{p.top}/{other}") for other in p.files if other != "verify.py"}
    return twist, ours | {("zip_not_stored", name)}


@case("91", "package_signature_missing", reseals=False)
def release_gone(p: Package) -> Found:
    del p.files[verify.PAKET]
    return {("package_signature_missing", verify.PAKET)}


@case("92", "package_mixed", reseals=False)
def release_of_another_package(p: Package) -> Found:
    p.files[verify.PAKET] = p.story.build().files[verify.PAKET]
    return {("package_mixed", verify.PAKET)}


@case("93", "verifier_changed", reseals=False)
def verifier_changed(p: Package) -> Found:
    p.files["verify.py"] = p.files["verify.py"].replace(b'"red": 1', b'"red": 0')
    return {("verifier_changed", "verify.py")}


@case("98", "receipt_not_logged")
def receipt_without_a_place_in_the_log(p: Package) -> Found:
    index = p.story.received[p.story.seven.id]
    del p.files[proof(index)]
    return {("receipt_not_logged", record(index))}


@case("98", "receipt_not_logged")
def receipt_of_another_size_signed_by_the_record_key(p: Package) -> Found:
    index = p.story.received[p.story.seven.id]
    p.edit(index, lambda public: public | {"size": 5}, key=p.story.record_key)
    return {("receipt_not_logged", record(index))} | chained(p, index)


@case("99", "extra_file_harmless", reseals=False)
def thumbs_db(p: Package) -> Found:
    p.files["data/originale/Thumbs.db"] = b"\xd0\xcf"
    return {("extra_file_harmless", "data/originale/Thumbs.db")}


def signed_by(p: Package, by: SourceKey) -> None:
    payload = canonical(p.public() | {"keyid": by.spki_sha256.hex()})
    p.files[verify.PAKET] = package.release_line(
        package.Logged(-1, payload, ((by.spki_sha256.hex(), sign(by, payload)),))
    )


@case("10", "key_unknown", reseals=False)
def release_by_an_attackers_key(p: Package) -> Found:
    signed_by(p, SourceKey.generate())
    return {("key_unknown", verify.PAKET)}


@case("68", "key_wrong_role", reseals=False)
def release_by_a_docks_key(p: Package) -> Found:
    signed_by(p, p.story.a.key)
    return {("key_wrong_role", verify.PAKET)}
