"""State machines of the control room (design/control-room.md 2.2) and the meanings of a unit's status (2.3): pure.

Footnotes of the tables: sending a job is accepting its incident; an incident whose last job ended is "ohne Einheit";
resolving withdraws open jobs; closing asks for a disposition; a phone's steps come late, skip forward, never backward.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final
from uuid import UUID

from backend.machines import Machine

#: Version of these rules; every decision of a machine keeps it (design/control-room.md 1, 8).
VERSION: Final = 1

#: An unanswered job is `timed_out` after this (design/control-room.md 2.2, ours).
ANSWER_WITHIN: Final = timedelta(seconds=30)
#: An emergency or P1 that nobody accepted goes to the second desk and the supervisor (3.3, R25).
P1_WITHIN: Final = timedelta(seconds=15)
#: Who is told then; both read the scope `desk`.
SECOND_STEP: Final = "second_desk supervisor"
#: How far a source's clock may be off before a change of status is flagged (2.4).
CLOCK_TOLERANCE: Final = timedelta(seconds=120)

INCIDENT: Final = Machine("""
           | accept   | job_sent   | job_on_scene | last_job_ended        | resolve  | close  | merge  | reopen   | signal
new        | accepted | dispatched | -            | =                     | -        | -      | merged | -        | =
accepted   | =        | dispatched | on_scene     | =                     | resolved | -      | merged | -        | =
dispatched | =        | =          | on_scene     | accepted without_unit | resolved withdraw_jobs | - | merged | - | =
on_scene   | =        | =          | =            | accepted without_unit | resolved withdraw_jobs | - | merged | - | =
resolved   | =        | dispatched | -            | =                     | =        | closed | merged | accepted | urgent? accepted / =
closed     | -        | -          | -            | -                     | -        | =      | -      | accepted | +
merged     | >        | >          | >            | >                     | -        | -      | -      | <        | >
""")  # fmt: skip  # noqa: E501 - a table

JOB: Final = Machine("""
                   | send | delivered | accept         | decline  | unanswered | en_route       | on_scene       | done       | withdraw
proposed           | sent | -         | -              | -        | -          | -              | -              | -          | withdrawn
sent, delivered    | =    | delivered | accepted       | declined | timed_out  | en_route       | on_scene       | done       | withdrawn
accepted, en_route | =    | =         | =              | -        | -          | en_route       | on_scene       | done       | withdrawn
on_scene           | =    | =         | =              | -        | -          | =              | =              | done       | withdrawn
timed_out, declined | sent | =        | free? accepted | =        | =          | free? en_route | free? on_scene | free? done | withdrawn
withdrawn, done    | -    | =         | -              | -        | =          | -              | -              | = late     | =
""")  # fmt: skip  # noqa: E501 - a table

EMERGENCY: Final = Machine("""
                    | stored | shown | accept   | support   | safe | close  | cancel | press
raised              | stored | -     | -        | -         | -    | -      | =      | =
stored              | =      | shown | accepted | -         | -    | -      | = note | = position
shown               | =      | =     | accepted | -         | -    | -      | = note | = position
accepted, supported | =      | =     | =        | supported | safe | -      | = note | = position sound
safe                | =      | =     | =        | supported | =    | closed | =      | accepted position sound
closed              | =      | =     | -        | -         | -    | =      | =      | +
""")  # fmt: skip

#: States in which a job holds its unit.
OPEN_JOBS: Final = frozenset({"proposed", "sent", "delivered", "accepted", "en_route", "on_scene"})
#: Of these a unit took it: nobody else may.
TAKEN_JOBS: Final = frozenset({"accepted", "en_route", "on_scene", "done"})

#: Meanings of a unit's status, fixed in code, and the FMS numbers that a town begins with (2.3).
FMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": "available_patrol",
        "2": "available_station",
        "3": "en_route",
        "4": "on_scene",
        "5": "wants_to_talk",
        "6": "off",
        "7": "committed",
        "8": "limited",
        "9": "acknowledge",
        "0": "urgent_talk",
    }
)
#: These are no states: they stand beside the status until the control room answered, or are a sign of life only.
FLAGS: Final = frozenset({"wants_to_talk", "urgent_talk", "acknowledge"})
#: What a unit's status becomes with a step of its job, where it is not further already.
STATUS_OF_STEP: Final[Mapping[str, str]] = MappingProxyType(
    {"accepted": "en_route", "en_route": "en_route", "on_scene": "on_scene", "done": "available_patrol"}
)


def meanings(town: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """What each code of a town means: its own numbers, or the FMS's where it has none."""
    own = dict(town)
    return MappingProxyType(own) if own else FMS


def derived(id: UUID, what: str) -> UUID:
    """The id of what a machine makes because of `id`: a UUIDv7 of the same millisecond, the same on replay."""
    bits = int.from_bytes(sha256(what.encode() + id.bytes).digest()[:16], "big")
    low = bits & ((1 << 80) - 1)
    value = (id.int >> 80 << 80) | low
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)
