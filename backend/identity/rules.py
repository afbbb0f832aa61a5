"""Who may do what: the rights table of domain/law-and-rules.md, section 9, as data.

R read, C create (includes reading what one may create), A approve, always as another person than the creator.
Suffixes: `o` own only, `c` named cases only, `s` own site only, `p` names replaced. A word after it narrows further.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from backend.fields import PersonId, Role, SourceId

#: A dock's or gateway's lease (design/sync.md 2.5); a phone's is a shift with its edges.
LEASE: Final = MappingProxyType(
    {"phone": timedelta(hours=14), "dock": timedelta(hours=24), "gateway": timedelta(hours=24)}
)
#: Who works with a phone; nobody else gets a lease on one.
PHONE_ROLES: Final = frozenset({Role.OFFICER, Role.GUARD})
#: A code is shown as a QR and used at once (design/sync.md 2.5).
ENROLMENT_CODE: Final = timedelta(minutes=15)
#: A shift and its edges; then a person signs in again (ours).
SESSION: Final = timedelta(hours=12)
#: Wrong passwords in a row before each further try waits (ours, after the peers' 5).
FREE_TRIES: Final = 5
WAIT_AFTER_TRIES: Final = timedelta(minutes=1)

_COLUMNS: Final = (
    Role.OFFICER, Role.SUPERIOR, Role.DISPATCHER, Role.CLERK, Role.CUSTODIAN, Role.PROSECUTOR,
    Role.GUARD, Role.DPO, Role.STAFF_COUNCIL, Role.ADMIN, Role.DOCK, Role.GATEWAY,
)  # fmt: skip

_TABLE: Final = """
source_data        | -      | -    | -         | -       | -    | -  | -         | -    | -  | -    | C | C
clip_data          | Ro     | R    | -         | Rc      | R    | Rc | -         | R    | Rp | -    | - | -
clip_answers       | Co     | -    | -         | -       | C    | -  | -         | -    | -  | -    | - | -
footage            | Ro     | -    | -         | Rc      | R, A | Rc | -         | A    | A  | -    | - | -
cctv_recording     | -      | -    | -         | -       | R, A | Rc | -         | A    | A  | -    | - | -
cctv_freeze        | -      | -    | C         | -       | C    | -  | -         | -    | -  | -    | - | -
clip_hold          | Co set | -    | -         | -       | C    | -  | -         | C    | -  | -    | - | -
record_hold        | -      | -    | C         | C       | C    | -  | -         | C    | -  | -    | - | -
early_deletion     | Co     | A    | -         | -       | -    | -  | -         | -    | -  | -    | - | -
core_life_review   | -      | A    | -         | -       | A    | -  | -         | A    | -  | -    | - | -
deletion_records   | Ro     | R    | -         | R       | R    | -  | -         | R    | Rp | -    | - | -
redaction          | -      | -    | -         | -       | C, A | -  | -         | -    | -  | -    | - | -
export             | -      | A    | -         | -       | C, A | Rc | -         | A    | -  | -    | - | -
custody_log        | Ro     | -    | -         | Rc      | R    | Rc | -         | R    | -  | -    | - | -
offence            | Co     | R    | -         | C       | -    | Rc | -         | -    | -  | -    | - | -
proceedings        | -      | -    | -         | C       | -    | Rc | -         | -    | -  | -    | - | -
letter_run         | -      | A    | -         | C, A    | -    | -  | -         | -    | -  | -    | - | -
catalogue          | R      | R    | R         | R, A    | -    | -  | -         | -    | -  | C    | - | -
measure            | Co     | R    | -         | R       | -    | Rc | -         | -    | -  | -    | - | -
house_ban          | R      | A    | R         | C       | -    | Rc | Rs active | -    | -  | -    | - | -
complaint          | Co     | -    | -         | C       | -    | Rc | -         | -    | -  | -    | - | -
dispatch           | Co     | R    | C         | -       | -    | -  | -         | -    | -  | -    | - | -
emergency          | C      | C    | C         | C       | C    | -  | C         | C    | C  | C    | - | C
alarm              | -      | -    | C, A      | -       | -    | -  | Cs accept | -    | -  | -    | - | -
position           | Co     | -    | R         | -       | -    | -  | -         | -    | -  | -    | - | C
entry_check        | -      | -    | R         | -       | -    | -  | Cs        | R    | -  | -    | - | -
site               | -      | -    | R         | -       | R    | -  | Rs        | A    | A  | C    | - | -
trial              | -      | A    | R         | -       | -    | -  | -         | R    | A  | C    | - | -
response_plan      | R      | C    | C         | -       | -    | -  | Rs        | -    | -  | -    | - | -
settings           | -      | -    | -         | -       | -    | -  | -         | A    | A  | C    | - | -
account            | -      | -    | -         | -       | -    | -  | -         | R    | R  | C, A | - | -
device             | -      | -    | -         | -       | -    | -  | -         | R    | -  | C    | - | -
training           | Ro     | C    | -         | -       | -    | -  | -         | R    | -  | R    | - | -
audit_log          | -      | -    | -         | -       | -    | -  | -         | R    | Rp | -    | - | -
statistics         | -      | R    | R         | R       | R    | -  | Rs        | R    | R  | R    | - | -
person_request     | -      | -    | -         | -       | -    | -  | -         | C    | R  | R    | - | -
operations         | -      | -    | -         | -       | -    | -  | -         | -    | -  | C    | - | -
"""

_CELL: Final = re.compile(r"([RCA])([ocsp]*)(?: (\w+))?")


class Grant(Struct, frozen=True):
    """What a cell of the table lets a role do."""

    operation: str
    #: Suffixes of the cell; empty: the whole town.
    limit: str
    #: The word that narrows it further, or empty.
    only: str


def _cell(text: str) -> tuple[Grant, ...]:
    if text == "-":
        return ()
    grants = []
    for part in text.split(", "):
        found = _CELL.fullmatch(part)
        if found is None:
            raise ValueError(f"not a cell of the rights table: {text!r}")
        grants.append(Grant(found[1], found[2], found[3] or ""))
    return tuple(grants)


def _read(table: str) -> Mapping[str, Mapping[Role, tuple[Grant, ...]]]:
    rows = {}
    for line in table.strip().splitlines():
        action, *cells = (cell.strip() for cell in line.split("|"))
        rows[action] = MappingProxyType({role: _cell(cell) for role, cell in zip(_COLUMNS, cells, strict=True)})
    return MappingProxyType(rows)


RIGHTS: Final = _read(_TABLE)

#: Rights that hang on no role. `public`: anybody. `signed_in`: a person. `source`: a device with a lease.
#: `member`: either of them; for what holds no personal data, e.g. proofs of the log.
UNROLED: Final = frozenset({"public", "signed_in", "source", "member"})


def permit(roles: Iterable[Role], right: str) -> str | None:
    """The limit under which these roles hold `right`, e.g. `"o"`; `""` is the whole town, None is a refusal.

    `right` is an action of the table and an operation, e.g. `"offence:R"`. Creating includes reading. Of several
    roles the widest counts.

    Raises:
        KeyError: the action is not in the table.
    """
    action, _, operation = right.partition(":")
    enough = {"R": "RC", "C": "C", "A": "A"}[operation]
    grants = [grant for role in roles for grant in RIGHTS[action][role] if grant.operation in enough]
    limits = {grant.limit + (f" {grant.only}" if grant.only else "") for grant in grants}
    if not limits:
        return None
    return min(limits, key=lambda limit: (len(limit), limit))


def is_right(right: str) -> bool:
    """Whether `right` names an action of the table and an operation."""
    action, _, operation = right.partition(":")
    return action in RIGHTS and operation in ("R", "C", "A")


def scopes_of_person(person: PersonId, roles: frozenset[Role]) -> tuple[str, ...]:
    """The feed scopes of a person's screens: each is an audience, and a row holds what that audience may see."""
    scopes = [f"me:{person}"]
    if permit(roles, "offence:R") == "":
        scopes.append("office")
    if permit(roles, "dispatch:R") == "":
        scopes.append("desk")
    if Role.ADMIN in roles:
        scopes.append("admin")
    if permit(roles, "clip_data:R") == "":
        scopes.append("evidence")
    if Role.DPO in roles:
        scopes.append("privacy")
    return tuple(scopes)


def scopes_of_source(source: SourceId, person: PersonId | None) -> tuple[str, ...]:
    """The feed scopes of a device; never one of a screen."""
    own = (f"self:{source}", "town")
    return own if person is None else (*own, f"me:{person}")


def must_wait(failures: int, since_last: timedelta | None) -> bool:
    """Whether a sign-in is refused before the password is looked at."""
    return failures >= FREE_TRIES and since_last is not None and since_last < WAIT_AFTER_TRIES
