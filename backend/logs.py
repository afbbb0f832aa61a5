"""What a process writes to its log: one JSON object a line, never bodies, names, plates, positions or secrets."""

import logging

import structlog


def configure() -> None:
    """Every logger of ours writes JSON lines from now on; chatty libraries say only what goes wrong."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    )
    for chatty in ("httpx", "kombu"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
