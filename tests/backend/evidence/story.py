"""A synthetic town, its docks, server and log played by the project's own pure functions: packages without a server.

Everybody's real keys are here, so that a test may play the outsider, who has none of them, or the insider, who has all.
"""

import io
import json
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.evidence import package, verify
from backend.log import note, rules
from backend.log.canonical import canonical, instant
from backend.log.keys import LogKeys
from sync.entry import Entry, base64url, chain_hash, commitment, format_recorded_at, genesis_hash, header
from sync.entry import media_commitment as committed
from sync.envelope import sign
from sync.keys import SourceKey, seal

DOMAIN = "musterstadt.example"
ORIGIN = note.origin_of(DOMAIN)
START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
CHUNK = 4 << 20


class Dock:
    """A dock's journal: entries, chain, seals."""

    def __init__(self, story: "Story", *, incarnation: int = 1, source: str | None = None) -> None:
        self.story, self.incarnation = story, incarnation
        self.source = source or story.uuid()
        self.key = SourceKey.generate()
        self.genesis = genesis_hash(self.source, incarnation, self.key.spki_sha256)
        self.entries: list[tuple[Entry, bytes]] = []
        self.private: dict[str, tuple[bytes, bytes]] = {}
        self.seals: dict[int, bytes] = {}

    @property
    def head(self) -> bytes:
        return self.entries[-1][1] if self.entries else self.genesis

    def append(
        self, kind: str, body: dict[str, Any], files: Iterable[bytes] = (), *, salt: bytes | None = None
    ) -> Entry:
        """An entry of this kind, admitted at once."""
        story, salt = self.story, salt or self.story.random.randbytes(16)
        text = json.dumps(body, separators=(", ", ": ")).encode()
        entry = Entry(
            seq=len(self.entries) + 1,
            id=story.uuid(),
            kind=kind,
            v=1,
            recorded_at=format_recorded_at(story.now, "Europe/Berlin"),
            media=tuple(committed(salt, digest) for digest in files),
            commitment=commitment(salt, text),
        )
        self.entries.append((entry, chain_hash(self.head, header(entry))))
        self.private[entry.id] = (salt, text)
        return entry

    def admit(self, entry: Entry) -> int:
        """The server's record about an entry; its index."""
        return self.story.log(
            canonical(
                {
                    "v": 1, "kind": "entry.admitted", "id": entry.id, "town": str(self.story.town),
                    "at": instant(self.story.now), "source": self.source, "incarnation": self.incarnation,
                    "seq": entry.seq, "entry_hash": self.entries[entry.seq - 1][1].hex(), "verdict": "accepted",
                }
            )
        )  # fmt: skip

    def sealed(self, key: SourceKey | None = None) -> None:
        """The newest entry is under a seal."""
        seq = len(self.entries)
        self.seals[seq] = seal(key or self.key, self.source, self.incarnation, seq, self.head)

    def shown(self) -> package.Journal:
        """The whole journal as a package shows it."""
        entries = [package.Shown(entry.seq, digest, header(entry)) for entry, digest in self.entries]
        return package.Journal(self.source, self.incarnation, self.genesis, entries, sorted(self.seals.items()))


class Clip:
    """A clip, from the dock's entry to the server's receipt."""

    def __init__(self, dock: Dock, camera: str, seq: int, data: bytes, *, lies: dict[str, Any] | None = None) -> None:
        story = dock.story
        self.dock, self.camera, self.camera_seq, self.data = dock, camera, seq, data
        self.started_at = story.now - timedelta(minutes=30)
        digest = sha256(data).digest()
        chunks = b"".join(sha256(data[n : n + CHUNK]).digest() for n in range(0, len(data), CHUNK))
        body = {
            "camera": camera, "camera_seq": seq, "file_name": f"VID{seq:04}.MP4", "size": len(data),
            "sha256": digest.hex(), "chunks": base64url(chunks), "started_at": instant(self.started_at),
            "docked_at": instant(story.now), "duration_ms": 60_000,
            "camera_clock": {"difference_ms": -1500, "spread_ms": 3, "state": "good"},
        } | (lies or {})  # fmt: skip
        self.entry = dock.append("clip.recorded", body, [digest])
        self.id = self.entry.id

    def received(self, **changes: Any) -> int:
        """The receipt; its index."""
        story, dock = self.dock.story, self.dock
        public = {
            "source": dock.source, "incarnation": dock.incarnation, "seq": self.entry.seq,
            "entry_hash": dock.entries[self.entry.seq - 1][1].hex(), "media": self.entry.media[0],
            "size": len(self.data), "camera": self.camera, "camera_seq": self.camera_seq,
            "prev_camera": story.last_of_camera.get(self.camera), "recorded_at": instant(self.started_at),
            "clock": "good", "class": "unclassified", "delete_at": instant(self.delete_at),
            "stored_at": instant(story.now), "log_by": instant(story.now + timedelta(minutes=1)),
        } | changes  # fmt: skip
        index = story.record("clip.received", self.id, public)
        story.last_of_camera[self.camera] = sha256(story.payloads[index]).hexdigest()
        return index

    @property
    def delete_at(self) -> datetime:
        return self.started_at + timedelta(days=14)

    def classified(self) -> int:
        return self.dock.story.record(
            "clip.classified", self.id,
            {"class": "bodycam", "rule": "R1", "delete_at": instant(self.delete_at), "answers_rev": 1},
            private={"answers": {"ground": "x"}},
        )  # fmt: skip

    def held(self, **changes: Any) -> int:
        self.hold = self.dock.story.uuid()
        return self.dock.story.record(
            "hold.placed", self.id, {"hold": self.hold, "ground": "criminal_offence"} | changes, private={"reason": "y"}
        )

    def released(self) -> int:
        return self.dock.story.record("hold.released", self.id, {"hold": self.hold}, private={"reason": "z"})

    def deleted(self, **changes: Any) -> int:
        now = instant(self.dock.story.now)
        public = {
            "records": 2, "class": "unclassified", "rule": "R4", "rule_edition": "2026-11",
            "deadline": instant(self.delete_at), "keys_destroyed_at": None, "erased_at": now,
            "object_deleted_at": now, "copies": 0, "kek": None,
        } | changes  # fmt: skip
        return self.dock.story.record("clip.deleted", self.id, public)


class Story:
    """What happened in the town so far, record by record."""

    def __init__(self, seed: int = 1) -> None:
        self.random = Random(seed)
        self.now = START
        self.town = UUID(self.uuid())
        self.root, self.record_key = SourceKey.generate(), SourceKey.generate()
        self.log_keys = LogKeys(generate_private_key(SECP256R1()), Ed25519PrivateKey.generate())
        self.leaves: list[bytes] = []
        self.payloads: dict[int, bytes] = {}
        self.signatures: dict[int, tuple[tuple[str, bytes], ...]] = {}
        self.heads: dict[str, str] = {}
        self.last_of_camera: dict[str, str] = {}
        self.statements: list[tuple[int, bytes | None]] = []
        self.docks: list[Dock] = []
        self.items: list[dict[str, Any]] = []
        self.originals: list[Clip] = []
        self.private: list[tuple[str, bytes, bytes]] = []
        self.private_of: dict[int, tuple[str, bytes, bytes]] = {}
        self.older: list[tuple[int, str]] = []
        self.left_out: set[int] = set()
        self.export = self.uuid()
        self.case = self.uuid()

    def uuid(self) -> str:
        value = self.random.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
        return str(UUID(int=value))

    def wait(self, **by: float) -> None:
        self.now += timedelta(**by)

    # -- log

    def log(self, payload: bytes | None, signatures: tuple[tuple[str, bytes], ...] = ()) -> int:
        """A leaf: a record of this story, or, with None, one of somebody else's."""
        index = len(self.leaves)
        if payload is None:
            self.leaves.append(sha256(b"filler %d" % index).digest())
            return index
        self.leaves.append(sha256(payload).digest())
        self.payloads[index], self.signatures[index] = payload, signatures
        return index

    def record(
        self,
        kind: str,
        subject: str,
        public: dict[str, Any],
        *,
        private: dict[str, Any] | None = None,
        key: SourceKey | None = None,
        unsigned: bool = False,
    ) -> int:
        key = None if unsigned else key or self.record_key
        payload, id_, salt, body = self.payload(kind, subject, public, private=private, key=key)
        self.heads[subject] = sha256(payload).hexdigest()
        index = self.log(payload, ((key.spki_sha256.hex(), sign(key, payload)),) if key else ())
        if body:
            self.private_of[index] = (id_, salt, body)
        return index

    def payload(
        self, kind: str, subject: str, public: dict[str, Any], *, private: dict[str, Any] | None, key: SourceKey | None
    ) -> tuple[bytes, str, bytes, bytes]:
        """The public part, as `backend.log.service.record` writes it."""
        body, salt, id_ = (canonical(private) if private else b""), self.random.randbytes(16), self.uuid()
        content = canonical(
            public
            | {"v": 1, "kind": kind, "id": id_, "town": str(self.town), "at": instant(self.now), "subject": subject}
            | {"prev": self.heads.get(subject), "software": "streife test"}
            | {"keyid": key.spki_sha256.hex() if key else None}
            | ({"commitment": commitment(salt, body)} if body else {})
        )
        return content, id_, salt, body

    def enrolled(self, role: str, spki: bytes, *, key: SourceKey, subject: str = "", **more: Any) -> int:
        """A statement about a key; its index."""
        keyid = sha256(spki).hexdigest()
        name = "source_keyid" if role.startswith("seal:") else "enrolled_keyid"
        algorithm = "ed25519" if len(spki) == 44 else "p256"
        public = {"role": role, "algorithm": algorithm, name: keyid} | more
        index = self.record("key.enrolled", subject or f"key:{keyid}", public, key=key)
        self.statements.append((index, spki))
        return index

    def founded(self) -> None:
        """The town's keys are stated."""
        self.log(None)
        self.enrolled("record", self.record_key.spki, key=self.root, **{"from": 0})
        for spki in self.log_spkis():
            self.enrolled("log", spki, key=self.root, origin=ORIGIN, **{"from": 0})

    def log_spkis(self) -> tuple[bytes, bytes]:
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return self.log_keys.p256.public_key().public_bytes(*form), self.log_keys.ed25519.public_key().public_bytes(
            *form
        )

    def dock(self, *, incarnation: int = 1, source: str | None = None) -> Dock:
        dock = Dock(self, incarnation=incarnation, source=source)
        self.enrolled(
            "seal:dock", dock.key.spki, key=self.record_key, subject=dock.source, incarnation=incarnation, reason="new"
        )
        self.docks.append(dock)
        return dock

    def revoked(self, dock: Dock, **more: Any) -> int:
        index = self.record("key.revoked", dock.source, {"reason": "gestohlen"} | more)
        self.statements.append((index, None))
        return index

    # -- package

    def take(self, clip: Clip, *, state: str = "original", **more: Any) -> None:
        """The clip is an item of the export."""
        one = {"item": clip.id, "state": state} | more
        if state == "original":
            self.originals.append(clip)
            self.private.append((clip.id, *clip.dock.private[clip.id]))
            one["file"] = self.file_of(clip)
        self.items.append(one)

    def disclose(self, dock: Dock, entry: Entry) -> None:
        self.private.append((entry.id, *dock.private[entry.id]))

    def file_of(self, clip: Clip) -> str:
        return f"data/originale/{self.originals.index(clip) + 1:03}_{clip.id}.mp4"

    def checkpoint(self, size: int | None = None, leaves: list[bytes] | None = None) -> str:
        leaves = self.leaves if leaves is None else leaves
        size = len(leaves) if size is None else size
        return note.sign(
            str(note.Checkpoint(ORIGIN, size, rules.root_of(size, tiles(leaves[:size])))), self.log_keys.signers(ORIGIN)
        )

    def requested_and_approved(self) -> None:
        self.record("case.opened", self.case, {}, private={"aktenzeichen": "12 Js 345/26"})
        self.record("export.requested", self.export, {"case": self.case}, private={"recipient": "StA"})
        self.record("export.approved", self.export, {})

    def parts(self, leaves: list[bytes] | None = None) -> package.Parts:
        leaves = self.leaves if leaves is None else leaves
        size, grown = len(leaves), tiles(leaves)
        of_keys = {index for index, _ in self.statements}
        logged = {
            index: package.Logged(index, payload, self.signatures[index])
            for index, payload in self.payloads.items()
            if index not in self.left_out
        }
        place = {leaf: index for index, leaf in reversed(list(enumerate(leaves)))}
        older = []
        for old, text in self.older:
            ranges = rules.consistency_ranges(old, size) if old <= size else []
            older.append(package.Older(text, old, [rules.range_hash(part, grown) for part in ranges]))

        def path(index: int) -> list[bytes]:
            return [rules.range_hash(part, grown) for part in rules.inclusion_ranges(index, size)]

        return package.Parts(
            package=UUID(self.uuid()),
            aktenzeichen="12 Js 345/26",
            town="Stadt Musterstadt",
            recipient="Staatsanwaltschaft Musterstadt",
            built_on=self.now.date().isoformat(),
            root=self.root.spki,
            keys=[package.KeyStatement(logged[index], spki) for index, spki in self.statements if index in logged],
            records=[one for index, one in sorted(logged.items()) if index not in of_keys],
            journals=[dock.shown() for dock in self.docks if dock.entries],
            private=self.private,
            proofs=[
                package.Proof(index, sha256(one.payload).digest(), path(index))
                for index, one in logged.items()
                if index < size and sha256(one.payload).digest() in place
            ],
            checkpoint=self.checkpoint(leaves=leaves),
            size=size,
            older=older,
            originals=[
                package.Original(n, UUID(clip.id), "mp4", len(clip.data), lambda clip=clip: [clip.data])
                for n, clip in enumerate(self.originals, 1)
            ],
        )

    def release(self, parts: package.Parts, digest: str, key: SourceKey | None = None) -> bytes:
        """The envelope of `export.built`."""
        checkpoint = note.parse_checkpoint(parts.checkpoint.rpartition("\n\n")[0] + "\n")
        public = {
            "package": str(parts.package), "case": self.case, "tagmanifest": digest, "items": self.items,
            "keys": package.keys_digest(parts.keys),
            "checkpoint": {"size": checkpoint.size, "root": checkpoint.root.hex()},
        }  # fmt: skip
        key = key or self.record_key
        payload = self.payload("export.built", self.export, public, private=None, key=key)[0]
        return package.release_line(package.Logged(-1, payload, ((key.spki_sha256.hex(), sign(key, payload)),)))

    def build(self, leaves: list[bytes] | None = None) -> "Package":
        """The package, as it leaves the house."""
        parts, file = self.parts(leaves), io.BytesIO()
        unreleased = package.begin(parts, file)
        package.finish(unreleased, self.release(parts, unreleased.digest))
        return Package(self, file.getvalue())


def tiles(leaves: list[bytes]) -> dict[rules.TileId, bytes]:
    return rules.grown(0, {}, [rules.leaf_hash(leaf) for leaf in leaves])


class Package:
    """A finished package, to be looked at and tampered with."""

    def __init__(self, story: Story, data: bytes) -> None:
        self.story, self.data = story, data
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            names = file.namelist()
            self.top = names[0].partition("/")[0]
            self.files = {name.partition("/")[2]: file.read(name) for name in names}
        #: What `zipped` does to the bytes of the ZIP at the very end.
        self.twist: Callable[[bytes], bytes] = bytes

    def zipped(self) -> bytes:
        """A ZIP of the files as they stand, in the one form."""
        file = io.BytesIO()
        writer = package.ZipWriter(file, self.top)
        for name, data in sorted(self.files.items()):
            writer.add(name, len(data), [data])
        writer.close()
        return self.twist(file.getvalue())

    def write(self, folder: Path, name: str = "paket.zip") -> Path:
        path = folder / name
        path.write_bytes(self.zipped())
        return path

    def unpack(self, folder: Path) -> Path:
        top = folder / self.top
        for name, data in self.files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_bytes(data)
        return top

    # -- tampering

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files[name].splitlines()]

    def put(self, name: str, lines: Iterable[dict[str, Any]]) -> None:
        self.files[name] = b"".join(plain(line) + b"\n" for line in lines)

    def line_of(self, index: int, name: str = verify.RECORDS) -> int:
        return next(n for n, line in enumerate(self.lines(name)) if line.get("index") == index)

    def edit(self, index: int, change: Callable[[dict[str, Any]], dict[str, Any]], *,
             key: SourceKey | None = None, name: str = verify.RECORDS) -> None:  # fmt: skip
        """The public part of a record is another; signed anew where a key is given."""
        lines, n = self.lines(name), self.line_of(index, name)
        payload = canonical(change(json.loads(b64decode(lines[n]["envelope"]["payload"]))))
        self.replace(index, payload, key=key, name=name)

    def replace(self, index: int, payload: bytes, *, key: SourceKey | None = None, name: str = verify.RECORDS) -> None:
        lines, n = self.lines(name), self.line_of(index, name)
        envelope = lines[n]["envelope"]
        envelope["payload"] = b64encode(payload).decode()
        if key is not None:
            envelope["signatures"] = [{"keyid": key.spki_sha256.hex(), "sig": b64encode(sign(key, payload)).decode()}]
        self.put(name, lines)

    def reseal(self, key: SourceKey | None = None) -> None:
        """Manifests and release are made anew, as only an insider can."""
        digests = {name: sha256(data).hexdigest() for name, data in self.files.items()}
        payload = {name: digest for name, digest in sorted(digests.items()) if name.startswith("data/")}
        manifest = "".join(f"{digest}  {name}\n" for name, digest in payload.items()).encode()
        self.files[verify.MANIFEST] = manifest
        self.retag()
        envelope = json.loads(self.files[verify.PAKET])
        public = json.loads(b64decode(envelope["payload"]))
        lines = self.files[verify.KEYS].splitlines()[1:]
        keys = b"".join(sha256(b64decode(json.loads(line)["envelope"]["payload"])).digest() for line in lines)
        public |= {"tagmanifest": sha256(self.files[verify.TAGMANIFEST]).hexdigest(), "keys": sha256(keys).hexdigest()}
        self.release(public, key)

    def retag(self) -> None:
        names = sorted(
            n for n in self.files if not n.startswith("data/") and n not in (verify.PAKET, verify.TAGMANIFEST)
        )
        self.files[verify.TAGMANIFEST] = "".join(
            f"{sha256(self.files[name]).hexdigest()}  {name}\n" for name in names
        ).encode()

    def release(self, public: dict[str, Any], key: SourceKey | None = None) -> None:
        key = key or self.story.record_key
        payload = canonical(public | {"keyid": key.spki_sha256.hex()})
        self.files[verify.PAKET] = package.release_line(
            package.Logged(-1, payload, ((key.spki_sha256.hex(), sign(key, payload)),))
        )

    def public(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(b64decode(json.loads(self.files[verify.PAKET])["payload"]))
        return found


def plain(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def found(path: Path, **options: Any) -> set[tuple[str, str]]:
    """Code and place of every finding, without the reminder to compare the fingerprint."""
    answer = verify.verify(path, **options)
    return {(one.code, one.place) for one in answer.findings if one.code != "root_not_pinned"}


def shown(findings: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{code} @ {place}" for code, place in sorted(findings))


def standard(seed: int = 1, *, big: int = 0) -> Story:
    """Two docks, three cameras, four clips of which one was deleted by law and one is not part of the export, a gap."""
    story = Story(seed)
    story.founded()
    story.a, story.b = story.dock(), story.dock()
    a, b, random = story.a, story.b, story.random
    docked = a.append("camera.docked", {"camera": "cam-a"})
    story.one = Clip(a, "cam-a", 1, random.randbytes(700))
    story.wait(minutes=5)
    story.two = Clip(a, "cam-a", 2, random.randbytes(big or 900))
    story.gap = a.append("clip.gap", {"camera": "cam-a", "first": 3, "last": 3, "cause": "unknown"})
    story.wait(minutes=5)
    story.four = Clip(a, "cam-a", 4, random.randbytes(500))
    a.sealed()
    entries = [docked, story.one.entry, story.two.entry, story.gap, story.four.entry]
    story.admitted = {entry.id: a.admit(entry) for entry in entries}
    story.log(None)
    story.seven = Clip(b, "cam-b", 7, random.randbytes(400))
    b.sealed()
    story.admitted[story.seven.id] = b.admit(story.seven.entry)
    story.received = {clip.id: clip.received() for clip in (story.one, story.two, story.four, story.seven)}
    story.wait(hours=2)
    story.log(None)
    story.classified = {clip.id: clip.classified() for clip in (story.one, story.two, story.seven)}
    story.holds = {clip.id: clip.held() for clip in (story.one, story.two, story.seven)}
    story.wait(days=1)
    story.viewed = story.record("clip.viewed", story.one.id, {}, private={"reason": "Ermittlung", "person": "p"})
    last = a.append("camera.docked", {"camera": "cam-a"})
    a.append("camera.docked", {"camera": "cam-c"})
    a.sealed()
    story.admitted[last.id] = a.admit(last)
    story.now = story.four.delete_at + timedelta(minutes=10)
    story.tombstone = story.four.deleted()
    story.log(None)
    story.requested_and_approved()
    story.log(None)
    story.take(story.one)
    story.take(story.two)
    story.take(story.four, state="deleted")
    story.take(story.seven, state="withheld", reason="anderes Verfahren")
    story.disclose(a, story.gap)
    story.wait(minutes=5)
    return story
