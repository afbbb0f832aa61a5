"""The known prefixes of number plates: a hint from a list that a setting names, the same in every process."""

from pathlib import Path
from typing import Final

import msgspec

#: Of the federation; lists of districts leave it out.
_ALWAYS: Final = frozenset({"THW"})

_known: frozenset[str] = frozenset()


def use(path: Path | None) -> None:
    """From now on plates are compared with the list in `path`, a JSON object by prefix; without one none is doubted.

    Called once at the start of a process (`Settings.plate_prefixes`).

    Raises:
        OSError: the file cannot be read.
        msgspec.MsgspecError: it holds no such object.
    """
    global _known  # noqa: PLW0603 - a setting of the process
    listed = msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path is not None else {}
    _known = _ALWAYS.union(listed) if listed else frozenset()


def known() -> frozenset[str]:
    """The prefixes of the list, or none."""
    return _known
