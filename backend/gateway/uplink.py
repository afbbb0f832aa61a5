"""The gateway's way to its server: a thread that exchanges at once after each group, else every ten seconds."""

import random
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

import structlog

from sync.client import Client
from sync.errors import NetworkFailure, SyncError
from sync.journal import Journal
from sync.pacing import BACKOFF_CAP_URGENT_S, backoff

#: design/control-room.md 4.1, 3: an empty exchange is the heartbeat, and brings what the server has to say.
HEARTBEAT_S: Final = 10.0
#: While somebody waits to see that the control room shows or accepts an alarm (3.5).
URGENT_HEARTBEAT_S: Final = 1.0

log = structlog.get_logger()


class Uplink(Thread):
    """Runs until `stop`. The journal outlives every failure: what is not sent stays pending."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        *,
        on_exchanged: Callable[[bool], None],
        is_awaited: Callable[[], bool] = lambda: False,
        rng: random.Random | None = None,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """`on_exchanged` is called in this thread after each settled answer, with whether it brought rows."""
        super().__init__(name="uplink", daemon=True)
        self._client, self._journal = client, journal
        self._on_exchanged, self._is_awaited = on_exchanged, is_awaited
        self._rng = rng or random.Random()  # noqa: S311 - jitter need not be secret
        self._heartbeat_s = heartbeat_s
        self._wake = Event()
        self._is_stopped = False

    def wake(self) -> None:
        """Something was recorded: exchange now."""
        self._wake.set()

    def stop(self) -> None:
        """Ends after the exchange that is running."""
        self._is_stopped = True
        self._wake.set()
        self.join(timeout=5)

    def run(self) -> None:
        """Exchanges until it is stopped."""
        tries = 0
        while not self._is_stopped:
            self._wake.clear()
            try:
                has_more = self._exchange()
            except SyncError as error:
                self._pause(error, tries)
                tries += 1
                continue
            if tries:
                log.info("server_reached", after_tries=tries)
            tries = 0
            if not has_more:
                self._wake.wait(URGENT_HEARTBEAT_S if self._is_awaited() else self._heartbeat_s)

    def _exchange(self) -> bool:
        """One exchange was settled; True where more waits to be sent or pulled."""
        done = self._client.exchange_once()
        state = self._journal.state()
        has_pending = state.acked < state.head_seq
        wanted = [] if has_pending else self._journal.wanted()
        for one in wanted:
            self._client.rebuild(one)
        self._on_exchanged(bool(done.answer.changes or wanted))
        return has_pending or done.answer.more or bool(wanted)

    def _pause(self, error: SyncError, tries: int) -> None:
        asked = error.wait_s if isinstance(error, NetworkFailure) else None
        if tries == 0 or not error.can_retry:
            log.warning("no_exchange", error=type(error).__name__, can_retry=error.can_retry)
        # A journal that may not send (frozen, revoked) goes on recording; a person has to act, and may.
        pause = backoff(tries, self._rng, cap_s=BACKOFF_CAP_URGENT_S, asked_s=asked)
        self._wake.wait(pause if error.can_retry else self._heartbeat_s)
