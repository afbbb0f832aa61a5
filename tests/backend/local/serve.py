"""What `streife up` does, with three small processes instead of the real ones.

serve.py FOLDER [--port N] [--stubborn] [--broken] [--celery]
"""

import argparse
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import kombu
import psycopg

from backend.local.child import Spec
from backend.local.postgres import Postgres
from backend.local.state import LocalError, State
from backend.local.supervisor import up

API = (
    "import sys, http.server as h;"
    "h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.BaseHTTPRequestHandler).serve_forever()"
)
BROKEN = "print('no such table', flush=True); raise SystemExit(3)"
WAIT = "import signal; print('here', flush=True); signal.pause()"
# Ends on nothing but SIGKILL, and has a child of its own that does so too.
STUBBORN = (
    "import signal, subprocess, sys; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)];"
    "len(sys.argv) > 1 or subprocess.Popen([sys.executable, '-c', sys.orig_argv[2], 'leaf']);"
    "[signal.pause() for _ in iter(int, 1)]"
)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def prepare(arguments: argparse.Namespace, postgres: Postgres, port: int) -> Sequence[Spec]:
    api = BROKEN if arguments.broken else API
    worker = [sys.executable, "-c", STUBBORN if arguments.stubborn else WAIT]
    beat = [sys.executable, "-c", WAIT]
    env = {}
    if arguments.celery:
        env["SWEEPING_DATABASE"] = postgres.superuser_url()
        prepare_broker(postgres.superuser_url())
        celery = [sys.executable, "-m", "celery", "-A", "tests.backend.local.sweeping"]
        worker = [*celery, "worker", "-P", "threads", "-c", "2", "--without-gossip", "--without-mingle"]
        beat = [*celery, "beat", "-s", str(postgres.state.folder / "beat")]
    return [
        Spec("api", [sys.executable, "-c", api, str(port)], ready=partial(listens, port)),
        Spec("worker", worker, env=env, needs_database=True, stop_s=1.0),
        Spec("beat", beat, env=env, needs_database=True),
    ]


def prepare_broker(url: str) -> None:
    """Kombu's tables, which worker and beat would race to make, and one for the sweeps."""
    with psycopg.connect(url) as session:
        session.execute("CREATE TABLE IF NOT EXISTS sweep (at timestamptz NOT NULL DEFAULT clock_timestamp())")
    with kombu.Connection(f"sqla+{url}") as broker:
        broker.SimpleQueue("celery").close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--celery", action="store_true")
    arguments = parser.parse_args()
    try:
        up(State.open(arguments.folder), partial(prepare, arguments), port=arguments.port)
    except LocalError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
