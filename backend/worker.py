"""Celery: the worker's tasks, and the beat that starts the sweeps.

Tasks carry ids only, may run twice and may be lost: each does what a sweep would find anyway. Nothing that a person
waits for goes through a task.
"""

import threading
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import structlog
from celery import Celery
from celery.signals import worker_process_init, worker_ready, worker_shutting_down

from backend import logs, sweeps
from backend.server import Server
from backend.settings import from_environment

logger = structlog.get_logger()

#: Pause of the sequencer's loop: what came meanwhile is numbered at once, which rewrites a tile once instead of often.
#: A receipt promises its index within a minute (evidence.md 4).
SEQUENCER_PAUSE_S = 0.5


@lru_cache(maxsize=1)
def server() -> Server:
    """What this process holds, made at its first use."""
    return Server.open(from_environment())


def make(broker_url: str) -> Celery:
    """The Celery application on this broker."""
    app = Celery("streife", broker=broker_url)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"pool_pre_ping": True} if broker_url.startswith("sqla+") else {},
        task_default_queue="streife",
        timezone="UTC",
        beat_schedule={
            name: {"task": "sweep", "args": [name], "schedule": every, "options": {"expires": every.total_seconds()}}
            for name, (_, every) in sweeps.SWEEPS.items()
        },
    )
    return app


logs.configure()
celery = make(from_environment().broker_url)


@celery.task(name="sweep")  # type: ignore[untyped-decorator]  # celery has no types
def sweep(name: str) -> None:
    """Run one of the sweeps."""
    sweeps.run(server(), name, datetime.now(UTC))


class Sequencer(threading.Thread):
    """Numbers what was committed, twice a second; the sweep calls the same function."""

    def __init__(self) -> None:
        super().__init__(name="log-sequencer", daemon=True)
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until `stopping` is set; a database that is away is waited for."""
        while not self.stopping.is_set():
            try:
                sweeps.number_log(server(), datetime.now(UTC))
            except Exception as error:
                logger.warning("sequencer_waits", error=type(error).__name__)
            self.stopping.wait(SEQUENCER_PAUSE_S)


_sequencer = Sequencer()


@worker_ready.connect  # type: ignore[untyped-decorator]
def _start(**_: Any) -> None:
    _sequencer.start()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    _sequencer.stopping.set()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _after_fork(**_: Any) -> None:
    """A forked worker must not share its parent's connections."""
    server().engine.dispose(close=False)
