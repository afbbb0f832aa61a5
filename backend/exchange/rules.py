"""What admission decides without looking anything up; chain and order are decided by `sync.admission`."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from backend.fields import Role
from sync.exchange import Judgement

#: A parked entry is tried again after these, then a person decides (design/sync.md 4.1).
RETRIES: Final = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=60))
#: How far a source's clock may be off before a person at a shared phone is doubted (design/sync.md 2.2).
CLOCK_TOLERANCE: Final = timedelta(seconds=120)


class Ruling(NamedTuple):
    """What becomes of an entry."""

    verdict: Judgement
    code: str = ""
    field: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the server still has to settle it."""
        return self.verdict in ("held", "parked")


ACCEPTED: Final = Ruling("accepted")
ID_REUSED: Final = "id_reused"

#: SQLSTATE classes and codes of a database that cannot work now: the request fails as a whole, never an entry.
_NOT_NOW: Final = ("08", "53", "55P03", "57P", "58")
#: SQLSTATE of a statement that took longer than it may.
STATEMENT_TIMEOUT: Final = "57014"
_AGAIN: Final = frozenset({"40001", "40P01"})


class PersonsLease(NamedTuple):
    """A person had this phone from then to then, with these roles."""

    person: UUID | None
    roles: frozenset[Role]
    issued_at: datetime
    expires_at: datetime


def roles_then(person: UUID, recorded_at: datetime, leases: Iterable[PersonsLease]) -> frozenset[Role] | None:
    """The roles with which this person had the phone when the entry was recorded, give or take 120 s of its clock.

    None where the person did not have it then.
    """
    for lease in leases:
        is_then = lease.issued_at - CLOCK_TOLERANCE <= recorded_at <= lease.expires_at + CLOCK_TOLERANCE
        if is_then and lease.person == person:
            return lease.roles
    return None


def next_try(tries: int, now: datetime) -> datetime | None:
    """When a parked entry that was tried so often is tried again; None: a person decides."""
    return now + RETRIES[tries] if tries < len(RETRIES) else None


def is_for_all(sqlstate: str | None) -> bool:
    """Whether the database is at fault and not the entry."""
    return sqlstate is not None and sqlstate.startswith(_NOT_NOW)


def is_worth_repeating(sqlstate: str | None) -> bool:
    """Whether the whole transaction may succeed when it is done again: deadlock or serialisation failure."""
    return sqlstate in _AGAIN


#: What a wire scope is called on the device: its own ones carry no id there.
_OWN: Final[Mapping[str, str]] = MappingProxyType({"self": "self", "me": "me"})


def device_scope(stored: str) -> str:
    """The name that a device knows a scope by: `self:<id>` is its `self`."""
    return _OWN.get(stored.partition(":")[0], stored)
