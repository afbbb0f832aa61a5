"""What panels' codes mean: SIA DC-03 (level 2 codes) and Contact ID (DC-05) by the table of design/control-room.md 4.2.

A code that is not here is kept with its raw text and shown to a person; nothing is guessed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _table(rows: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({code: kind for kind, codes in rows.items() for code in codes.split()})


SIA: Final = _table(
    {
        "panic.silent": "HA",
        "panic": "PA QA",
        # Restorals of the codes below too, so that none of them stays up for ever.
        "restore": "HR HH PR PH QR QH BR UR TR FR MR YK AR YR",
        "cancel": "BC OC",
        "point.bypassed": "HB PB QB",
        "point.fault": "HT HS PT PS QT",
        "door.forced": "DF DJ",
        "door.held_open": "DL DM",
        # The point's type decides: escape door, detector, contact.
        "alarm": "BA UA",
        "tamper": "TA ES",
        "link.trouble": "YC YS",
        "power": "AT YT YM YP",
        "panel.in_test": "TS TP",
        "panel.programming": "LB RB YG",
        "panel.normal": "TE LX",
        "link.test": "RP",
        "test.manual": "RX TX",
        "fire": "FA",
        "medical": "MA",
    }
)
CONTACT_ID: Final = _table(
    {
        "panic.silent": "122",
        "panic": "120 123 101",
        "panic.confirmed": "129",
        "duress": "121 124 125",
        "cancel": "406",
        "point.bypassed": "570",
        "point.fault": "380 381",
        "door.forced": "423",
        "door.held_open": "426",
        "alarm": "130 140 150",
        "tamper": "137 144 145 383",
        "link.trouble": "350 351 352 353 354 355 356",
        "power": "301 302 311",
        "panel.in_test": "607",
        "panel.programming": "627",
        "link.test": "602",
        "test.manual": "601",
        "fire": "110",
        "medical": "100",
    }
)
#: Somebody may be in danger: shown on top and at once, with the fallback if the server stays silent (3.3, P1).
P1: Final = frozenset({"panic", "panic.silent", "panic.confirmed", "duress", "fire", "medical"})
#: Kinds that only HTTP senders use (4.4), besides those of panels.
OVER_HTTP: Final = frozenset({"door.opened", "detector.alarm", "detector.passage", "presence"})
KINDS: Final = frozenset(SIA.values()) | frozenset(CONTACT_ID.values()) | OVER_HTTP
#: These end or accompany something; what comes outside the window of an encrypted line must never do that.
CALMING: Final = frozenset({"restore", "cancel", "panel.in_test", "panel.programming", "panel.normal", "link.test"})

_QUALIFIERS: Final = MappingProxyType({"1": None, "3": "restore", "6": None})


def sia(code: str) -> str | None:
    """Our kind of a SIA code; None: nobody knows."""
    return SIA.get(code)


def contact_id(qualifier: str, code: str) -> str | None:
    """Our kind of a Contact ID event: qualifier 1 is new, 3 a restore, 6 still present. None: nobody knows."""
    kind = CONTACT_ID.get(code)
    if kind is None or qualifier not in _QUALIFIERS:
        return None
    return "panel.normal" if qualifier == "3" and kind.startswith("panel.") else _QUALIFIERS[qualifier] or kind
