"""The dock's loop: cameras are looked at, clips copied, entries exchanged, files uploaded, cards cleared.

One thread looks and decides; copies (one a camera), uploads and the exchange run in threads beside it. Everything
that must survive a power cut is in the book, the journal and the spool: the loop keeps only when to try again.
"""

import random
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Final

from bodycam_dock import delivery, docking, intake
from bodycam_dock.book import Clip
from bodycam_dock.camera import Camera, Profile, look
from bodycam_dock.errors import (
    CameraGone,
    DockError,
    ReceiptRefused,
    SpoolDamaged,
    SpoolFull,
    UploadLater,
    UploadRefused,
)
from bodycam_dock.station import Station, Stopping
from bodycam_dock.upload import Uploader
from sync.client import Client
from sync.entry import parse_instant
from sync.errors import JournalFailed, JournalFull, NetworkFailure, SourceRevoked, SyncError
from sync.pacing import backoff

# design/evidence.md 5: marked clips first, four at once; the server takes four unfinished uploads of a source.
AT_ONCE: Final = 4
POLL_S: Final = 1.0
# While nothing is to be sent, so often is asked what the server has to tell.
IDLE_EXCHANGE_S: Final = 30.0
# What a person has to settle is tried again as often.
REFUSED_PAUSE_S: Final = 300.0
BACKOFF_CAP_S: Final = 30.0
# With `once`: so long without any progress, and the dock gives up.
PATIENCE_S: Final = 60.0
# The dock's clock is compared with the server's as often.
OFFSET_EVERY_S: Final = 600.0


@dataclass
class Turn:
    """When something may be tried again."""

    not_before: float = 0.0
    tries: int = 0
    #: What a person was told last, so that it is told once.
    told: str = ""

    def is_due(self) -> bool:
        return monotonic() >= self.not_before

    def wait(self, seconds: float) -> None:
        self.not_before = monotonic() + seconds

    def went_well(self) -> None:
        self.tries, self.not_before, self.told = 0, 0.0, ""


@dataclass
class Slot:
    """One place for a camera."""

    folder: Path
    camera: Camera | None = None
    name: str = ""
    turn: Turn = field(default_factory=Turn)
    job: "Future[bool] | None" = None
    has_looked: bool = False
    #: Clips of which a person was told that they stay on the card.
    kept: set[str] = field(default_factory=set)


class Agent:
    """One dock at work."""

    def __init__(
        self,
        station: Station,
        client: Client,
        uploader: Uploader,
        folders: Sequence[Path],
        profiles: dict[str, Profile],
        *,
        profile: str | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Nothing is done yet."""
        self._station = station
        self._client = client
        self._uploader = uploader
        self._slots = [Slot(folder) for folder in folders]
        self._profiles = profiles
        self._profile = profile
        # Jitter need not be secret.
        self._rng = rng or random.Random()  # noqa: S311
        self._uploads: dict[str, tuple[Future[None], Turn]] = {}
        self._turns: dict[str, Turn] = {}
        #: Clips whose spool files are not what was recorded; their cameras may still have them.
        self._damaged: set[str] = set()
        self._exchange: Future[None] | None = None
        self._exchanging = Turn()
        self._is_online: bool | None = None
        self._offset_at = -OFFSET_EVERY_S
        self._moved_at = monotonic()

    def run(self, *, once: bool = False) -> bool:
        """Works until it is told to stop, or with `once` until nothing is left that can be done now.

        Returns whether everything on the cameras is with the server, and cleared where the profile allows it.
        """
        station = self._station
        self._start_up()
        with ThreadPoolExecutor(2 * AT_ONCE + 1, thread_name_prefix="dock") as pool:
            try:
                while not station.stop.is_set():
                    self._tick(pool)
                    if once and (self._is_done() or monotonic() - self._moved_at > PATIENCE_S):
                        break
                    station.stop.wait(0.05 if once or self._is_busy() else POLL_S)
            finally:
                station.stop.set()
        if once:
            self._tell_idle()
        return self._is_done()

    def _start_up(self) -> None:
        """What an earlier life left: parts are gone, drafts are in the journal, what lies in the spool is recorded."""
        station = self._station
        for part in station.spool.glob("*.part"):
            part.unlink()
        station.record()
        clips = station.book.clips("listed", "recorded", "received", "cleared")
        known = {clip.id for clip in clips}
        strays = [one for one in station.spool.iterdir() if one.name.partition(".")[0] not in known]
        if strays:
            station.tell("spool_stray", number=len(strays))
        for clip in clips:
            if clip.stage == "listed" and station.path(clip, 0).exists():
                self._try_alone(clip)

    def _try_alone(self, clip: Clip) -> None:
        """Sidecars that were not copied may still be on a card that is docked, so that is looked at first."""
        docked = [look(slot.folder, self._profiles, self._profile) for slot in self._slots]
        here = [one for one in docked if one and one.pseudonym(self._station.server_key) == clip.camera]
        if not here:
            intake.take(self._station, None, clip)

    def _tick(self, pool: ThreadPoolExecutor) -> None:
        for slot in self._slots:
            self._look_at(slot, pool)
        self._exchange_if_due(pool)
        self._upload(pool)
        try:
            delivery.sweep(self._station)
        except SpoolFull as error:
            self._tell_once(self._exchanging, "spool_full", error.text)

    def _look_at(self, slot: Slot, pool: ThreadPoolExecutor) -> None:
        if slot.job is not None:
            if not slot.job.done():
                return
            job, slot.job = slot.job, None
            self._settle_camera(slot, job)
        if not slot.turn.is_due() or sum(one.job is not None for one in self._slots) >= AT_ONCE:
            return
        slot.has_looked = True
        camera = look(slot.folder, self._profiles, self._profile)
        if slot.camera is not None and (camera is None or camera.serial != slot.camera.serial):
            self._station.tell("camera_undocked", camera=slot.name)
            slot.camera, slot.name = None, ""
        if camera is None:
            slot.turn.wait(POLL_S)
            return
        is_new, slot.camera = slot.camera is None, slot.camera or camera
        slot.name = slot.camera.pseudonym(self._station.server_key)
        if is_new:
            slot.kept.clear()
        slot.job = pool.submit(self._work_on, slot, slot.camera, is_new)

    def _work_on(self, slot: Slot, camera: Camera, is_new: bool) -> bool:
        """Steps 1 to 5 and 8 for one camera; whether anything was done."""
        station = self._station
        on_card, _ = camera.list()
        has_new = bool({found.key for found in on_card} - station.book.keys(slot.name))
        if is_new or has_new:
            docking.dock(station, camera)
        did = is_new or has_new
        for clip in station.book.clips("listed", camera=slot.name):
            station.check_stop()
            self._take(camera, clip)
            did |= self._clear(slot, camera) or True
        for clip in station.book.clips("recorded", camera=slot.name):
            if clip.id in self._damaged:
                self._damaged.discard(clip.id)
                intake.mend(station, camera, clip)
                did = True
        return self._clear(slot, camera) or did

    def _take(self, camera: Camera, clip: Clip) -> None:
        try:
            intake.take(self._station, camera, clip)
        except (DockError, SyncError) as error:
            if not isinstance(error, Stopping):
                why = error.text if isinstance(error, DockError) else str(error)
                self._station.tell("clip_not_taken", camera=clip.camera, seq=clip.seq, why=why)
            raise

    def _clear(self, slot: Slot, camera: Camera) -> bool:
        """Step 8 for what was received meanwhile."""
        did = False
        for clip in self._station.book.clips("received", camera=slot.name):
            if not clip.facts.erases or clip.id in slot.kept:
                continue
            self._station.check_stop()
            try:
                delivery.clear(self._station, camera, clip)
            except CameraGone:
                raise
            except DockError as error:
                if isinstance(error, Stopping):
                    raise
                slot.kept.add(clip.id)
                self._station.tell("clip_kept", camera=clip.camera, seq=clip.seq, why=error.text)
            did = True
        return did

    def _settle_camera(self, slot: Slot, job: "Future[bool]") -> None:
        error = job.exception()
        if error is None:
            slot.turn.went_well()
            if job.result():
                self._moved_at = monotonic()
            else:
                slot.turn.wait(POLL_S)
            return
        if isinstance(error, CameraGone):
            slot.camera = slot.camera if slot.camera and slot.camera.is_here() else None
            slot.turn.wait(POLL_S)
        elif isinstance(error, SpoolFull | JournalFull):
            self._tell_once(slot.turn, "spool_full", error.text if isinstance(error, SpoolFull) else SpoolFull.text)
            slot.turn.wait(10.0)
        elif isinstance(error, Stopping):
            pass
        elif isinstance(error, DockError | SyncError):
            self._alarm(slot.turn, error)
            slot.turn.wait(REFUSED_PAUSE_S)
        else:
            raise error

    def _exchange_if_due(self, pool: ThreadPoolExecutor) -> None:
        if self._exchange is not None:
            if not self._exchange.done():
                return
            job, self._exchange = self._exchange, None
            self._settle_exchange(job)
        if not self._exchanging.is_due():
            return
        self._exchange = pool.submit(self._send_entries)

    def _send_entries(self) -> None:
        station = self._station
        station.record()
        if monotonic() - self._offset_at > OFFSET_EVERY_S:
            before = station.now()
            answer = self._client.exchange_once().answer
            middle = before + (station.now() - before) / 2
            difference = parse_instant(answer.now) - middle
            station.offset = (round(difference / timedelta(milliseconds=1)), monotonic())
            self._offset_at = monotonic()
        self._client.drain(patience_s=0)

    def _settle_exchange(self, job: "Future[None]") -> None:
        error = job.exception()
        if error is None:
            if self._is_online is False:
                self._station.tell("online")
            self._is_online = True
            self._exchanging.went_well()
            waits = self._station.book.clips("received", "cleared")
            is_awaited = any(clip.is_spooled for clip in waits)
            self._exchanging.wait(0.5 if is_awaited else IDLE_EXCHANGE_S)
        elif isinstance(error, NetworkFailure):
            if self._is_online is not False:
                self._station.tell("offline")
            self._is_online = False
            pause = backoff(self._exchanging.tries, self._rng, cap_s=BACKOFF_CAP_S, asked_s=error.wait_s)
            self._exchanging.tries += 1
            self._exchanging.wait(pause)
        elif isinstance(error, SyncError | DockError):
            self._alarm(self._exchanging, error)
            self._exchanging.wait(REFUSED_PAUSE_S)
        else:
            raise error

    def _upload(self, pool: ThreadPoolExecutor) -> None:
        for id_, (job, turn) in list(self._uploads.items()):
            if job.done():
                del self._uploads[id_]
                self._settle_upload(id_, job, turn)
        state = self._station.journal.state()
        if state.standing != "open":
            return
        if state.acked < state.head_seq and self._exchange is None:
            self._exchanging.not_before = min(self._exchanging.not_before, self._retry_at())
        for clip in self._station.book.clips("recorded"):
            turn = self._turns.setdefault(clip.id, Turn())
            if len(self._uploads) >= AT_ONCE or clip.id in self._uploads or not turn.is_due():
                continue
            places = self._station.journal.places(clip.id)
            if places and places[0].incarnation == state.incarnation and places[0].seq <= state.acked:
                if self._is_rejected(clip, turn, places[0].seq):
                    continue
                job = pool.submit(delivery.deliver, self._station, self._uploader, clip)
                self._uploads[clip.id] = (job, turn)

    def _is_rejected(self, clip: Clip, turn: Turn, seq: int) -> bool:
        """Whether the server took the entry and refused what it says: a person there decides, and nothing is sent."""
        verdict = self._station.journal.verdict(seq)
        if verdict is None or verdict.verdict not in {"rejected", "conflict"}:
            return False
        why = f"Der Server hat den Eintrag nicht angenommen ({verdict.code}); bitte die Administration verständigen."
        if turn.told != why:
            turn.told = why
            self._station.tell("clip_not_sent", camera=clip.camera, seq=clip.seq, why=why)
        turn.wait(REFUSED_PAUSE_S)
        return True

    def _retry_at(self) -> float:
        """New entries go at once, unless the server was away just now."""
        return self._exchanging.not_before if self._is_online is False else 0.0

    def _settle_upload(self, id_: str, job: "Future[None]", turn: Turn) -> None:
        error = job.exception()
        if error is None:
            self._moved_at = monotonic()
            self._turns.pop(id_, None)
            for slot in self._slots:
                slot.turn.not_before = 0.0
            self._exchanging.not_before = min(self._exchanging.not_before, self._retry_at())
        elif isinstance(error, UploadLater):
            turn.wait(backoff(turn.tries, self._rng, cap_s=BACKOFF_CAP_S, asked_s=error.wait_s))
            turn.tries += 1
        elif isinstance(error, UploadRefused | ReceiptRefused | SpoolDamaged):
            clip = next((one for one in self._station.book.clips("recorded") if one.id == id_), None)
            if isinstance(error, SpoolDamaged):
                self._damaged.add(id_)
            # The first time it may be something between us and the server that speaks for it.
            if clip is not None and turn.tries and turn.told != error.text:
                turn.told = error.text
                self._station.tell("clip_not_sent", camera=clip.camera, seq=clip.seq, why=error.text)
            turn.wait(backoff(turn.tries, self._rng, cap_s=REFUSED_PAUSE_S))
            turn.tries += 1
        elif isinstance(error, Stopping):
            pass
        elif isinstance(error, SyncError | DockError):
            turn.wait(backoff(turn.tries, self._rng, cap_s=BACKOFF_CAP_S))
            turn.tries += 1
        else:
            raise error

    def _alarm(self, turn: Turn, error: Exception) -> None:
        why = error.text if isinstance(error, DockError) else _sentence(error)
        self._tell_once(turn, "alarm", why)

    def _tell_once(self, turn: Turn, event: str, why: str) -> None:
        if turn.told != why:
            turn.told = why
            self._station.tell(event, why=why)

    def _is_busy(self) -> bool:
        return bool(self._uploads) or any(slot.job for slot in self._slots) or self._exchange is not None

    def _is_done(self) -> bool:
        """Nothing runs, nothing waits that the cameras docked now and the server at hand could settle."""
        station = self._station
        if self._is_busy() or not all(slot.has_looked for slot in self._slots) or station.book.drafts():
            return False
        state = station.journal.state()
        docked = {slot.name for slot in self._slots if slot.camera is not None}
        on_card = [clip for clip in station.book.clips("listed", "received") if clip.camera in docked]
        is_cleared = all(clip.stage == "received" and not clip.facts.erases for clip in on_card)
        has_unsent = bool(station.book.clips("recorded")) or state.acked < state.head_seq
        has_spooled = any(clip.is_spooled for clip in station.book.clips("received", "cleared"))
        return is_cleared and not has_unsent and not has_spooled

    def _tell_idle(self) -> None:
        book = self._station.book
        waiting = len(book.clips("listed", "recorded", "received"))
        cleared = sum(entry.kind == "clip.erased" for entry in self._station.journal.entries(limit=-1))
        self._station.tell("idle", cleared=cleared, waiting=waiting)


def _sentence(error: Exception) -> str:
    """What a person does about a refusal of `sync`."""
    if isinstance(error, SourceRevoked):
        return "Diese Dockstation ist gesperrt. Karten bleiben unberührt; bitte die Administration verständigen."
    if isinstance(error, JournalFailed):
        return "Der Datenträger der Dockstation ist fehlerhaft. Bitte die Administration verständigen."
    return f"Der Server nimmt nichts mehr an ({type(error).__name__}). Bitte die Administration verständigen."
