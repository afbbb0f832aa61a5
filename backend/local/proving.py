"""`streife demo --check`: the four lives of DESIGN.md section 4, each from its source to its proof, over the wire.

Nothing looks into the database: what is claimed is what a person at a screen, a dock, a panel or a prosecutor sees.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from backend.fields import uuid7
from backend.local.clips import CameraCard
from backend.local.day import card_places, dc09_address, photo_of
from backend.local.handset import Handset
from backend.local.panels import Panel
from backend.local.state import LocalError, State
from backend.local.town import PANEL_HALL, Town
from sync.entry import format_recorded_at

#: One step of a life may take so long on a slow machine.
PATIENCE_S: Final = 45.0
LOGIN, CAMERA, SERIAL = "erle-23", "kamera-pruefung", "GR-0002"


@dataclass
class Proved:
    """One line of the table."""

    life: str
    what: str
    facts: str
    seconds: float


@dataclass
class Check:
    """One run of the four lives."""

    state: State
    town: Town
    proved: list[Proved] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def proves(self, life: str, what: str, facts: str) -> None:
        """This was seen just now."""
        now = time.monotonic()
        self.proved.append(Proved(life, what, facts, now - self._began))
        self._began = now

    def offence(self) -> None:
        """Phone form → journal → exchange → rule → log and feed; the photo follows."""
        phone = Handset.open(self.state.subfolder("phones") / "pruefung", self.town, LOGIN)
        clerk = self.town.person("sb-14")
        try:
            photo = photo_of(time.time_ns() % 2**32)
            body = {
                "tbnr": "112042",
                "occurred_at": format_recorded_at(datetime.now(UTC), "Europe/Berlin"),
                "street": "Mühlenstraße",
                "plate": "GR-AB 123",
                "synthetic_plate": True,
                "amount_cents": 1500,
            }
            entry = phone.record("offence.recorded", body, (photo,))
            head = phone.journal.state()
            self.proves("Anzeige", "im Journal des Telefons, auf der Platte", f"Eintrag {head.head_seq}")
            phone.send(PATIENCE_S)
            seen = clerk.get(f"/v1/offences/{entry}")
            facts = f"{seen['tbnr']}, Foto {'folgt' if seen['media_state'] == 'awaiting' else 'da'}"
            self.proves("Anzeige", "zugelassen, geprüft, im Büro zu sehen", facts)
            phone.upload(entry, photo)
            stored = wait(lambda: clerk.get(f"/v1/offences/{entry}")["media_state"] == "complete" or None)
            assert stored  # noqa: S101 - `wait` raises otherwise
            self.proves("Anzeige", "Foto vollständig beim Server", f"SHA-256 {sha256(photo).hexdigest()[:16]}…")
        finally:
            phone.close()

    def clip(self) -> str:
        """Card → spool → journal → upload → receipt → erased card; the officer's five answers. Returns the clip."""
        place, away = card_places(self.state, CAMERA)
        shutil.rmtree(away if away.exists() else place, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)
        number = int(self.state.recall("demo.pruefung") or "1")
        card = CameraCard(away, serial=SERIAL, seed=number, number=number)
        card.set_clock(datetime.now(UTC))
        away.rename(place)
        pseudonym = wait(lambda: self.town.assign(SERIAL, LOGIN))
        self.proves("Clip", "Kamera angedockt, bestätigt, einer ausgebildeten Streife zugeordnet", pseudonym)
        place.rename(away)
        time.sleep(2.5)  # the dock sees that it is gone
        made = card.record(datetime.now(UTC) - timedelta(seconds=10), seconds=4)
        self.state.remember("demo.pruefung", str(card.number))
        digest = sha256(made.path.read_bytes()).hexdigest()
        card.set_clock(datetime.now(UTC))
        away.rename(place)
        officer, custodian = self.town.person(LOGIN), self.town.person("beweis-1")
        on_card = place / "DCIM" / made.path.name

        def received() -> Any:
            found = custodian.get("/v1/clips", limit=50)["clips"]
            mine = (one for one in found if (one["camera"], one["camera_seq"]) == (pseudonym, made.number))
            return next((one for one in mine if one["state"] == "stored"), None)

        clip = wait(received)
        self.proves("Clip", "vom Dock übernommen, stückweise verglichen, quittiert", f"SHA-256 {digest[:16]}…")
        wait(lambda: not on_card.exists() or None)
        self.proves("Clip", "auf der Kamera gelöscht, erst gegen die Quittung", made.path.name)
        answers = {
            "base": 0,
            "ground": "protect_officer",
            "facts": "Die Person hob die Faust und drohte.",
            "place_kind": "public",
            "announced": "announced",
            "decided_by": "wearer",
            "keep": {"ground": "criminal_offence", "case_reference": "Vorgang 4711/26"},
        }
        answered = officer.post(f"/v1/clips/{clip['id']}/answers", answers)
        hold = "mit" if answered["is_held"] else "ohne"
        facts = f"{answered['rule']}, Frist {answered['delete_at'][:10]}, {hold} Löschsperre"
        self.proves("Clip", "fünf Fragen beantwortet, Frist mit Regel", facts)
        return str(clip["id"])

    def alarm(self) -> None:
        """Panel → gateway's journal → ACK → exchange → alarm, incident, desk; a unit is sent and reports back."""
        desk = self.town.person("leitstelle")
        known = {one["id"] for one in desk.get("/v1/alarms")["alarms"]}
        began = time.monotonic()
        acknowledged = asyncio.run(self._press())

        def shown() -> Any:
            found = desk.get("/v1/alarms", open="p1")["alarms"]
            return next((one for one in found if one["id"] not in known or one["last_at"] >= acknowledged), None)

        alarm = wait(shown, every_s=0.02)
        took = (time.monotonic() - began) * 1000
        self.proves("Alarm", "Zentrale quittiert, Alarm P1 auf dem Tisch der Leitstelle", f"{took:.0f} ms")
        desk.post(f"/v1/alarms/{alarm['id']}/shown")
        desk.post(f"/v1/alarms/{alarm['id']}/accept")
        phone = Handset.open(self.state.subfolder("phones") / "pruefung", self.town, LOGIN)
        try:
            phone.send(PATIENCE_S)
            job = str(uuid7())
            unit, incident = self.town.ids.of(f"unit.{LOGIN}"), alarm["incident"]
            desk.post("/v1/jobs", {"id": job, "incident": incident, "unit": unit, "text": "Bitte hinfahren"})

            def came() -> Any:
                phone.send(PATIENCE_S)
                return phone.jobs().get(job)

            wait(came)
            self.proves("Alarm", "Auftrag auf dem Telefon der Streife", desk_number(desk, incident))
            for answer in ("accepted", "en_route", "on_scene", "done"):
                phone.record("job.answered", {"job": job, "answer": answer})
            phone.send(PATIENCE_S)
        finally:
            phone.close()
        whole = desk.get(f"/v1/incidents/{incident}")
        states = [one["state"] for one in whole["jobs"] if one["id"] == job]
        if states != ["done"]:
            raise LocalError(f"Der Auftrag steht auf {states} statt auf »done«.")
        desk.post(f"/v1/alarms/{alarm['id']}/close", {"disposition": "drill"})
        desk.post(f"/v1/incidents/{incident}/resolve")
        desk.post(f"/v1/incidents/{incident}/close", {"disposition": "drill"})
        facts = f"Entscheidungen mit Regel und Grund: {len(whole['decisions'])}"
        self.proves("Alarm", "Streife vor Ort und zurück, Einsatz abgeschlossen", facts)

    async def _press(self) -> str:
        panel = Panel(*dc09_address(self.state), PANEL_HALL, sequence=int(time.time()) % 9000)
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            if not await panel.deliver(panel.alarm(17, "122"), until_s=PATIENCE_S):
                raise LocalError("Das Gateway quittiert den Alarm nicht.")
        finally:
            await panel.close()
        return at

    def export(self, clip: str) -> None:
        """Case → request → second person → package → verified offline; one changed byte is found and named."""
        first, second = self.town.person("beweis-1"), self.town.person("beweis-2")
        name = f"4711/26-{uuid7().hex[-6:]}"
        case = first.post("/v1/cases", {"aktenzeichen": name, "ground": "Widerstand gegen Vollstreckungsbeamte"})
        export = first.post(f"/v1/cases/{case['id']}/exports", {"recipient": "Staatsanwaltschaft", "clips": [clip]})
        second.post(f"/v1/exports/{export['id']}/approve")
        self.proves("Export", "beantragt, von einer zweiten Person freigegeben", f"Aktenzeichen {name}")

        def built() -> Any:
            found = first.get(f"/v1/exports/{export['id']}")
            if found["state"] == "failed":
                raise LocalError(f"Das Paket ließ sich nicht bauen: {found['problem']}")
            return found if found["state"] == "built" else None

        done = wait(built)
        package = first.fetch(f"/v1/exports/{export['id']}/package")
        self.proves("Export", "Paket gebaut und abgeholt", f"{len(package):,} Byte".replace(",", "."))
        with tempfile.TemporaryDirectory(prefix="streife-demo-") as folder:
            path = Path(folder) / "paket.zip"
            path.write_bytes(package)
            code, said = verify(path, done["root"])
            if code != 0:
                raise LocalError(f"Das Paket prüft nicht grün (Code {code}): {said}")
            self.proves("Export", "ohne Netz geprüft: grün", said.splitlines()[0].partition(". ")[0])
            place = package.index(b"ftyp") + 64  # inside the original's bytes
            path.write_bytes(package[:place] + bytes([package[place] ^ 1]) + package[place + 1 :])
            code, said = verify(path, done["root"])
            if code != 1 or "original" not in said:
                raise LocalError(f"Ein geändertes Byte wurde nicht gefunden (Code {code}): {said}")
            named = next((line for line in said.splitlines() if "originale" in line), said.splitlines()[0])
            self.proves("Export", "ein Bit geändert: gefunden und benannt", named.strip().removeprefix("ROT: "))


def run(state: State, address: str, console: Console) -> bool:
    """The four lives were lived, and a table says what was proved; whether all were.

    Raises:
        LocalError: a life ended early; the table shows how far it came.
    """
    town = Town(state, address)
    check = Check(state, town)
    try:
        wait(lambda: _built(town))
        check.offence()
        clip = check.clip()
        check.alarm()
        check.export(clip)
    finally:
        town.close()
        console.print(table(check.proved))
    return True


def table(proved: list[Proved]) -> Table:
    """What was proved, line by line."""
    made = Table(title="Vier Leben, von der Quelle bis zum Beweis")
    for name in ("Leben", "gezeigt", "Beleg"):
        made.add_column(name)
    made.add_column("Sekunden", justify="right")
    for one in proved:
        made.add_row(one.life, one.what, one.facts, f"{one.seconds:.1f}".replace(".", ","))
    return made


def verify(path: Path, root: str) -> tuple[int, str]:
    """The verifier that travels in the package, as a process of its own: exit code and what it said."""
    from backend.evidence import verify as verifier  # noqa: PLC0415 - its file is what is run

    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, verifier.__file__, str(path), "--root", root],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def wait(what: Callable[[], Any], *, every_s: float = 0.25) -> Any:
    """The first result that is not None.

    Raises:
        LocalError: there was none in time.
    """
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = what()
        if found is not None:
            return found
        time.sleep(every_s)
    raise LocalError(f"Nach {PATIENCE_S:.0f} Sekunden kam nichts ({what.__qualname__}).")


def desk_number(desk: Any, incident: str) -> str:
    """The incident's number, as the control room says it."""
    return f"Einsatz {desk.get(f'/v1/incidents/{incident}')['incident']['no']}"


def _built(town: Town) -> bool | None:
    """The day has set up the buildings, and every line of theirs lives."""
    lines = town.person("admin-1").get("/v1/sites")["lines"]
    return True if lines and all(one["link"] == "online" for one in lines) else None
