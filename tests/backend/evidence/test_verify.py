"""Each tamper class is found and named; clean packages bring nothing (design/evidence.md 12)."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from backend.evidence import verify
from tests.backend.evidence import cases
from tests.backend.evidence.cases import CASES, Case
from tests.backend.evidence.story import Clip, Story, found, shown, standard

#: What the verifier must know of the table; later issues bring witnesses, tokens, redacted copies and XJustiz.
LATER = {"52", "53", "54", "56", "57", "58", "59", "77", "78", "79", "80", "94", "95"}
SEED = 20261126


def seen(path: Path, **options) -> list[str]:
    """The findings but for items that are not part of the package, which is no fault."""
    return sorted(shown(one for one in found(path, **options) if one[0] != "item_not_included"))


def names(case: Case) -> str:
    return f"{case.number}-{case.name}"


@pytest.mark.parametrize("case", CASES, ids=names)
def test_tampering_is_named(case: Case, tmp_path: Path) -> None:
    package = case.story().build()
    expected = case.tamper(package)
    if case.reseals:
        package.reseal()
    options = {"root": package.story.root.spki_sha256.hex()} | case.options(package)
    assert seen(package.write(tmp_path), **options) == sorted(shown(expected))


@pytest.mark.parametrize("case", [case for case in CASES if case.reseals], ids=names)
def test_whoever_has_no_keys_is_found_by_the_same_and_by_the_manifest(case: Case, tmp_path: Path) -> None:
    package = case.story().build()
    expected = case.tamper(package)
    assert set(shown(expected)) <= set(seen(package.write(tmp_path), **case.options(package)))


def test_every_class_of_the_table_has_its_case() -> None:
    assert {case.number for case in CASES} - {"-"} | LATER == {str(n) for n in range(1, 100)}
    assert {case.code for case in CASES} | {"item_not_included", "root_not_pinned", "signatures_unchecked"} == set(
        verify.FINDINGS
    )


PAIRABLE = [
    case for case in CASES if case.story is standard and not case.number.startswith(("86", "87", "88", "89", "90"))
]


@pytest.mark.parametrize("number", range(40))
def test_two_tamperings_at_once_are_both_named(number: int, tmp_path: Path) -> None:
    """Pairs are drawn from a seed. Where the second takes away what the first is judged by, its file is named still."""
    random = Random(SEED + number)
    while True:
        first, second = random.sample(PAIRABLE, 2)
        package = standard().build()
        own, files = first.tamper(package), package.files
        try:
            expected = [own, second.tamper(package)]
        except (KeyError, StopIteration, ValueError, IndexError):
            continue  # the first took away what the second would change
        if package.files is files:  # else the second built the package anew, without what the first did
            break
    findings = found(package.write(tmp_path), **first.options(package), **second.options(package))
    for case, own in zip((first, second), expected, strict=True):
        is_named = case.code in {code for code, _ in findings}
        assert is_named or {place for _, place in own} <= {place for _, place in findings}, (first.name, second.name)


# ---- clean packages


def test_a_clean_package_is_green_as_zip_and_as_folder(tmp_path: Path) -> None:
    story = standard()
    package = story.build()
    for path in (package.write(tmp_path), package.unpack(tmp_path)):
        answer = verify.verify(path, root=story.root.spki_sha256.hex())
        assert (answer.verdict, [one.code for one in answer.findings]) == ("green", ["item_not_included"])
        assert answer.text == (
            "Unverändert. Alle 2 Dateien sind so, wie sie am 02.03.2026 von der Kamera cam-a übernommen wurden. "
            "Keine Prüfung ist fehlgeschlagen."
        )
        assert answer.items == [
            f"{story.four.id}: Rechtmäßig gelöscht am 16.03.2026 nach R4, Frist 16.03.2026.",
            f"{story.seven.id}: Vorhanden, aber nicht Teil dieses Pakets (anderes Verfahren).",
        ]
        assert "Abweichung 1,5 s" in answer.always[0]
        assert answer.root[:8] in answer.always[1]


def rotated() -> Story:
    return cases.rotation(with_old=True)()


def rotated_log() -> Story:
    """A new pair of log keys; checkpoints carry the new ones' lines."""
    story = standard()
    story.log_keys = Story(7).log_keys
    for spki in story.log_spkis():
        story.enrolled("log", spki, key=story.root, origin=cases.ORIGIN)
    return story


def revoked_later() -> Story:
    story = standard()
    story.revoked(story.a, compromised_since=len(story.leaves))
    return story


def gap_filled() -> Story:
    story = cases.contradicted()
    filled = story.a.append("clip.gap_filled", {"camera": "cam-a", "camera_seq": 2})
    story.a.sealed()
    story.a.admit(filled)
    story.disclose(story.a, filled)
    return story


def continued() -> Story:
    """The camera split a recording: the second part begins a blink before the first one ends."""
    story = Story()
    story.founded()
    story.a = story.dock()
    story.one = Clip(story.a, "cam-a", 1, b"video one", lies={"event": "e1"})
    story.wait(seconds=59)
    story.two = Clip(story.a, "cam-a", 2, b"video two", lies={"event": "e1"})
    story.a.sealed()
    for clip in (story.one, story.two):
        story.a.admit(clip.entry)
        clip.received()
    story.requested_and_approved()
    story.take(story.one)
    story.take(story.two)
    return story


def restored() -> Story:
    story = standard()
    story.record("system.restored", "system", {"size": 20})
    return story


def empty_clip() -> Story:
    story = Story()
    story.founded()
    story.a = story.dock()
    story.one = Clip(story.a, "cam-a", 1, b"")
    story.a.sealed()
    story.a.admit(story.one.entry)
    story.one.received()
    story.requested_and_approved()
    story.take(story.one)
    return story


def held_again() -> Story:
    """A hold that was reviewed, then released and placed anew before the deadline; the clip is kept beyond it."""

    def then(story: Story, clip: Clip) -> None:
        clip.held()
        story.record("hold.placed", clip.id, {"hold": clip.hold, "ground": "criminal_offence"})  # the review
        clip.released()
        clip.held()
        story.now = clip.delete_at + timedelta(days=3)

    return cases.alone(then)()


def freed_beyond_the_deadline() -> Story:
    """A hold that outlived the deadline; gone within the hour after it was released."""

    def then(story: Story, clip: Clip) -> None:
        clip.held()
        story.now = clip.delete_at + timedelta(days=30)
        clip.released()
        story.now += timedelta(minutes=40)
        story.stone = clip.deleted()

    return cases.alone(then)()


def given_out() -> Story:
    return cases.given_out()


@pytest.mark.parametrize(
    "story",
    [
        standard,
        cases.large,
        rotated,
        rotated_log,
        revoked_later,
        gap_filled,
        continued,
        restored,
        empty_clip,
        given_out,
        held_again,
        freed_beyond_the_deadline,
    ],
)
def test_a_clean_variant_brings_nothing(story, tmp_path: Path) -> None:
    built = story()
    package = built.build()
    root = built.root.spki_sha256.hex()
    assert seen(package.write(tmp_path), root=root) == []
    assert seen(package.unpack(tmp_path), root=root) == []


def test_an_older_checkpoint_in_other_hands_is_proved(tmp_path: Path) -> None:
    story = cases.given_out()
    assert seen(story.build().write(tmp_path), older=[story.checkpoint(20).encode()]) == []


def test_lines_of_unknown_witnesses_are_ignored(tmp_path: Path) -> None:
    story = standard()
    package = story.build()
    other = Story(3).log_keys.signers("zeuge.example/w")
    line = cases.note.sign("x\n", other).rpartition("\n\n")[2]
    package.files[verify.CHECKPOINT] += line.encode()
    package.reseal()
    assert seen(package.write(tmp_path)) == []


def test_what_windows_and_macos_leave_in_a_folder_is_information(tmp_path: Path) -> None:
    top = standard().build().unpack(tmp_path)
    for name in ("data/originale/Thumbs.db", ".DS_Store", "data/._records", "data/desktop.ini"):
        (top / name).write_bytes(b"x")
    answer = verify.verify(top)
    assert answer.verdict == "green"
    assert {one.code for one in answer.findings} == {"extra_file_harmless", "item_not_included", "root_not_pinned"}


def test_the_folder_around_an_unpacked_package_may_be_named_and_renamed(tmp_path: Path) -> None:
    top = standard().build().unpack(tmp_path)
    assert seen(tmp_path) == []
    shutil.move(top, tmp_path / "Beweise Müller")
    assert seen(tmp_path / "Beweise Müller") == []


def test_a_link_in_a_folder_is_named_and_not_followed(tmp_path: Path) -> None:
    top = standard().build().unpack(tmp_path)
    (top / "bagit.txt").unlink()
    (top / "bagit.txt").symlink_to("/etc/hostname")
    assert ("zip_unsafe_path", "bagit.txt") in found(top)


# ---- the answer


def test_the_fingerprint_may_be_typed_in_groups(tmp_path: Path) -> None:
    story = standard()
    path = story.build().write(tmp_path)
    text = story.root.spki_sha256.hex().upper()
    assert seen(path, root=" ".join(text[n : n + 8] for n in range(0, 64, 8))) == []


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100, b"PK\x05\x06" + bytes(18), bytes(100_000)])
def test_what_is_no_package_is_grey(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    answer = verify.verify(path)
    assert answer.verdict == "grey"
    assert "Das sagt nichts darüber, ob der Inhalt echt ist." in answer.text


def test_the_exit_code_says_the_verdict(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    story = standard()
    package = story.build()
    clean = package.write(tmp_path, "clean.zip")
    name = story.file_of(story.one)
    package.files[name] = package.files[name][:-1]
    tampered = package.write(tmp_path, "tampered.zip")
    doubtful = cases.doubtful().build().write(tmp_path, "doubtful.zip")
    assert [verify.main([str(path)]) for path in (clean, tampered, doubtful, tmp_path / "none.zip")] == [0, 1, 2, 3]
    said = capfd.readouterr().out
    for word in (
        "GRÜN: Unverändert.",
        f"ROT: Verändert oder unvollständig: {name}",
        "GELB: Unverändert, aber",
        "GRAU: ",
    ):
        assert word in said


def test_json_holds_what_the_text_says(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = standard().build().write(tmp_path)
    assert verify.main([str(path), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["verdict"], [one["code"] for one in told["findings"]], told["signatures_checked"]) == (
        "green", ["item_not_included", "root_not_pinned"], True,
    )  # fmt: skip


def test_both_verifiers_share_one_table_of_findings() -> None:
    path = Path(verify.__file__).with_name("findings.json")
    table = {code: tuple(value) for code, value in json.loads(path.read_text()).items()}
    assert table == verify.FINDINGS
    assert {level for level, _ in table.values()} == {"red", "yellow", "info"}
    assert list(table) == sorted(table)
