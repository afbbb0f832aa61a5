"""Who settles what waits."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backend.fields import Role

#: Everybody in the audience sees a task; these settle it. A superior reads offences and changes none (law-and-rules 9).
SETTLES: Final[Mapping[str, Role]] = MappingProxyType(
    {
        "office": Role.CLERK,
        "admin": Role.ADMIN,
        "evidence": Role.CUSTODIAN,
        "desk": Role.DISPATCHER,
        "privacy": Role.DPO,
    }
)


def may_settle(audience: str, roles: frozenset[Role]) -> bool:
    """Whether one of these roles may settle a task of this audience."""
    return SETTLES.get(audience) in roles
