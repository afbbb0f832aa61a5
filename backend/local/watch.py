"""Notices that the database was gone, however briefly."""

import threading
from contextlib import suppress
from typing import Final, Self

import psycopg

LOOK_EVERY_S: Final = 1.0
LOOK_AGAIN_S: Final = 0.1


class Watch:
    """Holds one connection and uses it every second, in a thread of its own: a database that hangs stops nobody.

    A server that crashed and recovered within a moment cuts the connection too: asking now and then whether it
    answers would miss that.
    """

    def __init__(self, url: str) -> None:
        """Nothing is connected yet."""
        self._url = url
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._look, name="database-watch", daemon=True)
        self.connections = 0
        """How often a connection was made: one more says that the database was gone and is back."""
        self.is_connected = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._wake.set()
        self._thread.join(LOOK_EVERY_S)

    def look_now(self) -> None:
        """The next look is not waited for."""
        self._wake.set()

    def _look(self) -> None:
        while not self._ended.is_set():
            # Every reason why the database cannot be used means the same here: try again.
            with suppress(psycopg.Error):
                self._stay_connected()
            self.is_connected = False
            self._pause(LOOK_AGAIN_S)

    def _stay_connected(self) -> None:
        with psycopg.connect(self._url, autocommit=True, connect_timeout=2, application_name="streife up") as session:
            self.connections += 1
            self.is_connected = True
            while not self._ended.is_set():
                session.execute("SELECT 1")
                self._pause(LOOK_EVERY_S)

    def _pause(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()
