"""The dock's program with a kill -9 of itself around one step: `python -m tests.bodycam_dock.cutting STEP WHEN NTH …`.

The steps are functions of the product; it is only here that somebody stands between them.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from bodycam_dock import copying, delivery, intake
from bodycam_dock.__main__ import main
from bodycam_dock.book import Book, Change
from bodycam_dock.camera import Camera
from bodycam_dock.station import Station
from bodycam_dock.upload import Uploader
from sync.client import Client
from sync.journal import Journal

#: In the order of a clip's life; each is cut before it begins and after it returned.
STEPS: dict[str, tuple[Any, str]] = {
    "list_clip": (Change, "list_clip"),
    "set_camera": (Change, "set_camera"),
    "append": (Journal, "append_many"),
    "drop_drafts": (Change, "drop_drafts"),
    "copy": (copying, "_copy"),
    "read_back": (copying, "digests_of"),
    "in_place": (copying, "sync_folder"),
    "probe": (intake, "_body"),
    "record_clip": (Change, "record_clip"),
    "exchange": (Client, "drain"),
    "create": (Uploader, "_create"),
    "patch": (Uploader, "_patch"),
    "receipt": (Uploader, "receipt"),
    "verified": (delivery, "verified"),
    "receive_clip": (Change, "receive_clip"),
    "erase": (Camera, "erase"),
    "clear_clip": (Change, "clear_clip"),
    "unspool": (Change, "unspool_clip"),
    "drop_clip": (Change, "drop_clip"),
    "keys": (Book, "keys"),
    "record": (Station, "record"),
}
_lock = threading.Lock()


def cut(step: str, when: str, nth: int) -> None:
    """The `nth` call of the step is the last thing that this process does."""
    owner, name = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    calls = [0]

    def stand_between(*args: Any, **kwargs: Any) -> Any:
        with _lock:
            calls[0] += 1
            is_last = calls[0] == nth
        if is_last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, stand_between)


if __name__ == "__main__":
    cut(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    main(args=sys.argv[4:], prog_name="streife dock")
