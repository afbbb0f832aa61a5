"""An officer with a bodycam, a dock that brings its clips, and a custodian, on the running server."""

import os
import tempfile
from pathlib import Path
from uuid import UUID

import av
import numpy as np

from backend.fields import Role
from tests.backend.evidence import conftest as evidence
from tests.backend.web.conftest import Town
from tests.backend.web.desk import Desk
from tests.backend.world import Person


class Custody:
    """Clips of one officer's camera; the officer and the custodian sign in with their logins."""

    def __init__(self, town: Town, desk: Desk) -> None:
        self.town = town
        self.desk = desk
        self.world = desk.world
        self.superior, self.admin = self.world.person(Role.SUPERIOR), self.world.person(Role.ADMIN)
        self.custodian, self.second = self.world.person(Role.CUSTODIAN), self.world.person(Role.CUSTODIAN)
        self.dock = evidence.Dock.of(self.world)
        self.officer: Person
        self.officer, _ = evidence.new_officer(self.world, self.superior, self.admin, self.dock, "cam-1")
        self._number = 0

    def clip(self, data: bytes | None = None, **members: object) -> UUID:
        """A clip that is in the store, with its receipt."""
        self._number += 1
        return self.dock.bring(data if data is not None else os.urandom(40), number=self._number, **members)

    def answered(self, data: bytes | None = None, *, started_at: str | None = None, **changes: object) -> UUID:
        """A clip whose officer answered the five questions."""
        clip = self.clip(data, **({} if started_at is None else {"started_at": started_at}))
        answer = self.world.http.post(
            f"/v1/clips/{clip}/answers", headers=self.officer.headers, json=evidence.ANSWERS | changes
        )
        assert answer.status_code == 200, answer.text
        return clip


def film(seconds: int = 2) -> bytes:
    """A small moving picture that every browser plays (VP8 in WebM)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.webm"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libvpx", rate=10)
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
            for number in range(10 * seconds):
                picture = np.full((96, 160, 3), (number * 12) % 255, np.uint8)
                for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return path.read_bytes()
