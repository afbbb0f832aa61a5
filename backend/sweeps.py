"""The sweeps: each finds what a lost message left undone. A broker may lose a task; the tables know the truth."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.db import APP_ROLE, Base, grant, sessions_of
from backend.evidence import deleting, exporting
from backend.evidence.rules import Tick
from backend.exchange import settling
from backend.exchange.arrivals import media_arrived
from backend.feed import service as feed
from backend.fields import TownId
from backend.identity import service as identity
from backend.identity import sources, town_keys
from backend.identity.tables import TownRow
from backend.log import service as log
from backend.media import finishing, uploading
from backend.server import RootOffline, Server

logger = structlog.get_logger()

#: Consumed messages of the broker stay this long for a look at what was going on (ours).
CONSUMED: Final = timedelta(hours=1)
#: Leases stay for entries that arrive late: a phone may be offline for weeks in a locker (ours).
LEASES: Final = timedelta(days=90)
#: A package takes minutes to build; a part that nobody wrote to for so long was left by a killed build (ours).
LEFT_OVER: Final = timedelta(hours=6)


class SweepRow(Base):
    """When each sweep last came to its end; `streife doctor` shows the age."""

    __tablename__ = "sweep"

    name: Mapped[str] = mapped_column(primary_key=True)
    finished_at: Mapped[datetime]
    found: Mapped[int]


grant(f"GRANT SELECT, INSERT, UPDATE ON sweep TO {APP_ROLE}")


def number_log(server: Server, now: datetime) -> int:
    """Every committed leaf has its index, and every tree that grew its checkpoint."""
    del now  # the log reads the clock for each of its transactions
    return log.sequence_all(server.engine, server.log_keys, domain_of=_domain, now=lambda: datetime.now(UTC))


def settle_entries(server: Server, now: datetime) -> int:
    """Held and parked entries whose reason is gone have their verdict."""
    return sum(settling.settle_town(server.engine, town, now=now) for town in _towns(server))


def tidy_up(server: Server, now: datetime) -> int:
    """Old tombstones, leases, sessions and consumed messages are gone."""
    found = 0
    for town in _towns(server):
        while True:
            with _in_town(server, town) as session:
                swept = feed.sweep_tombstones(session, now=now)
            found += swept
            if swept == 0:
                break
        with _in_town(server, town) as session:
            sources.sweep_leases(session, before=now - LEASES)
            identity.sweep_sessions(session, now=now)
    with server.across_towns().begin() as session:
        before = (now - CONSUMED).astimezone(UTC).replace(tzinfo=None)
        found += int(session.execute(text("SELECT forget_consumed(:before)"), {"before": before}).scalar_one())
    return found


def finish_uploads(server: Server, now: datetime) -> int:
    """Files whose last piece came just before a crash are stored, and their kinds know."""
    folder, key = server.receiver.folder, server.record_key
    return sum(
        finishing.finish_left(sessions_of(server.engine, town), folder, key, media_arrived, now=now)
        for town in _towns(server)
    )


def expire_uploads(server: Server, now: datetime) -> int:
    """Uploads that nobody went on with are gone, with their bytes."""
    found = 0
    for town in _towns(server):
        with _in_town(server, town) as session:
            found += uploading.expire(session, server.receiver.folder, now=now)
    return found


def describe_media(server: Server, now: datetime) -> int:
    """Files that were compared piece by piece are compared as a whole."""
    folder = server.receiver.folder
    return sum(finishing.describe_some(sessions_of(server.engine, t), folder, now=now) for t in _towns(server))


def build_exports(server: Server, now: datetime) -> int:
    """Approved exports have their package, as soon as the log holds everything in it."""
    found = 0
    for town in _towns(server):
        sessions = sessions_of(server.engine, town)
        try:
            with sessions.begin() as session:
                waiting = exporting.waiting(session)
                if waiting:
                    root = partial(server.root_key, town)
                    town_keys.state(session, root, server.stated_keys(_domain(session)), now=now)
        except RootOffline:
            logger.error("root_key_needed", town=str(town))  # noqa: TRY400 - the name says all
            continue
        for export in waiting:
            found += exporting.build(
                sessions,
                server.receiver.folder,
                server.packages,
                export,
                server.root(town),
                server.record_key,
                now=now,
            )
    return found


def expire_exports(server: Server, now: datetime) -> int:
    """Our copies of packages are gone in time, and what killed builds left."""
    found = exporting.tidy(server.packages, is_old=lambda changed: changed < (now - LEFT_OVER).timestamp())
    for town in _towns(server):
        with _in_town(server, town) as session:
            found += exporting.expire(session, server.packages, now=now)
    return found


def delete_due(server: Server, now: datetime) -> int:
    """Clips whose deadline has passed are gone, each with a tombstone; what a crash left half done is finished."""
    tick, found = _tick(now), 0
    for town in _towns(server):
        sessions = sessions_of(server.engine, town)
        try:
            found += deleting.run(sessions, server.receiver.folder, tick, key=server.record_key, now=now)
        except DBAPIError as error:  # other towns must not wait for this one; the next sweep tries again
            logger.warning("deletion_failed", town=str(town), error=type(error).__name__)
    return found


def _tick(now: datetime) -> Tick:
    """The wall clock beside one that nobody can set; where the machine has none such, each restart counts as a jump."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return Tick(
        wall=now,
        mono_ms=time.clock_gettime_ns(clock) // 1_000_000,
        boot=boot.read_text().strip() if boot.exists() else "unknown",
    )


#: Name of each sweep, and how often it runs.
SWEEPS: Final[Mapping[str, tuple[Callable[[Server, datetime], int], timedelta]]] = MappingProxyType(
    {
        "number_log": (number_log, timedelta(seconds=5)),
        "build_exports": (build_exports, timedelta(seconds=5)),
        "expire_exports": (expire_exports, timedelta(minutes=10)),
        "finish_uploads": (finish_uploads, timedelta(seconds=5)),
        "describe_media": (describe_media, timedelta(seconds=30)),
        "expire_uploads": (expire_uploads, timedelta(minutes=10)),
        "delete_due": (delete_due, timedelta(minutes=1)),
        "settle_entries": (settle_entries, timedelta(seconds=30)),
        "tidy_up": (tidy_up, timedelta(minutes=10)),
    }
)


def run(server: Server, name: str, now: datetime) -> int:
    """The sweep is done, and that is noted; how much it found. It may run twice at once and may be lost.

    Raises:
        KeyError: there is no such sweep.
    """
    found = SWEEPS[name][0](server, now)
    with server.across_towns().begin() as session:
        session.execute(
            text(
                "INSERT INTO sweep (name, finished_at, found) VALUES (:name, :now, :found) ON CONFLICT (name)"
                " DO UPDATE SET finished_at = excluded.finished_at, found = excluded.found"
            ),
            {"name": name, "now": datetime.now(UTC), "found": found},
        )
    return found


def last_runs(session: Session) -> dict[str, datetime]:
    """When each sweep last ended."""
    return {row.name: row.finished_at for row in session.scalars(select(SweepRow))}


def _towns(server: Server) -> list[TownId]:
    with server.across_towns().begin() as session:
        return identity.all_towns(session)


@contextmanager
def _in_town(server: Server, town: TownId) -> Iterator[Session]:
    with sessions_of(server.engine, town).begin() as session:
        yield session


def _domain(session: Session) -> str:
    return session.scalars(select(TownRow.domain)).one()
