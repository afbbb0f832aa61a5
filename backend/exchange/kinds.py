"""Which slice takes which kind of entry. This file alone knows all slices that sources speak to."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backend.exchange.wire import Kind
from backend.offences import catalogue
from backend.offences import service as offences
from backend.offences.wire import OffenceRecorded

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "offence.recorded": Kind(
            right="offence:C",
            v=1,
            body=OffenceRecorded,
            apply=offences.record,
            warm=catalogue.in_force,
            asks=False,
            media_arrived=offences.media_arrived,
        )
    }
)
