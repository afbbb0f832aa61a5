"""Which slice takes which kind of entry. This file alone knows all slices that sources speak to."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backend.buildings import links
from backend.buildings import service as buildings
from backend.dispatch import emergencies, incidents, jobs, units
from backend.dispatch.wire import EmergencyRaised, JobAnswered, ReportMade, UnitStatus
from backend.evidence import answering
from backend.evidence import service as evidence
from backend.evidence.wire import ClipClassified
from backend.exchange.wire import Kind
from backend.offences import catalogue
from backend.offences import service as offences
from backend.offences.wire import OffenceRecorded
from sync.bodies import (
    CameraDocked,
    ClipErased,
    ClipGap,
    ClipGapFilled,
    ClipRecorded,
    FallbackFired,
    LinkChanged,
    LinkSummary,
    SignalReceived,
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "offence.recorded": Kind(
            right="offence:C",
            v=1,
            body=OffenceRecorded,
            apply=offences.record,
            warm=lambda session, _: catalogue.in_force(session),
            asks=False,
            media_arrived=offences.media_arrived,
        ),
        "signal.received": Kind(
            right="source_data:C",
            v=1,
            body=SignalReceived,
            apply=buildings.receive,
            warm=buildings.foresee,
            audience="desk",
            asks=False,
        ),
        "link.changed": Kind(right="source_data:C", v=1, body=LinkChanged, apply=links.changed, audience="desk"),
        "link.summary": Kind(right="source_data:C", v=1, body=LinkSummary, apply=links.summed_up, audience="desk"),
        "fallback.fired": Kind(right="source_data:C", v=1, body=FallbackFired, apply=links.fell_back, audience="desk"),
        "report.made": Kind(right="dispatch:C", v=1, body=ReportMade, apply=incidents.report, audience="desk"),
        "job.answered": Kind(right="dispatch:C", v=1, body=JobAnswered, apply=jobs.answer, audience="desk"),
        "unit.status": Kind(right="dispatch:C", v=1, body=UnitStatus, apply=units.status, audience="desk"),
        "emergency.raised": Kind(
            right="emergency:C", v=1, body=EmergencyRaised, apply=emergencies.raised, audience="desk"
        ),
        "camera.docked": Kind(right="source_data:C", v=1, body=CameraDocked, apply=evidence.camera_docked),
        "clip.recorded": Kind(
            right="source_data:C",
            v=1,
            body=ClipRecorded,
            apply=evidence.clip_recorded,
            media_arrived=evidence.media_arrived,
        ),
        "clip.gap": Kind(right="source_data:C", v=1, body=ClipGap, apply=evidence.clip_gap),
        "clip.gap_filled": Kind(right="source_data:C", v=1, body=ClipGapFilled, apply=evidence.clip_gap_filled),
        "clip.erased": Kind(right="source_data:C", v=1, body=ClipErased, apply=evidence.clip_erased),
        "clip.classified": Kind(right="clip_answers:C", v=1, body=ClipClassified, apply=answering.answered_on_phone),
    }
)
