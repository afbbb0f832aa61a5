"""DESIGN.md section 3, read off the syntax trees: who may import whom, and where nothing may be caught blindly."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("backend", "sync", "bodycam_dock", "migrations")

#: A later slice may import an earlier one. `work` stands behind identity; its order is ours, DESIGN.md names no slice.
ORDER = (
    "log", "feed", "identity", "work", "media", "exchange", "dispatch", "measures", "offences", "evidence", "buildings",
    "privacy",
)  # fmt: skip
#: These alone know all slices.
KNOW_ALL = {
    "backend/app.py", "backend/worker.py", "backend/cli.py", "backend/sweeps.py", "backend/tables.py",
    "backend/description.py", "backend/exchange/kinds.py", "migrations/env.py",
}  # fmt: skip
#: Files of a slice that are parts of its `service`, cut by topic.
PARTS_OF_SERVICE = {
    "exchange": {
        "reading", "applying", "storing", "settling", "changes", "gzipped", "kept", "kinds", "arrivals",
    },
    "identity": {"sources", "town_keys"},
    "evidence": {
        "answering", "cameras", "clips", "deleting", "holding", "viewing",
        "cases", "exporting", "gathering", "package", "verify",
    },
    "feed": {"live"},
    "log": {"canonical", "keys", "note"},
    "media": {"finishing", "receiving", "storage", "tus", "uploading"},
    "dispatch": {"incidents", "jobs", "units", "emergencies"},
    "buildings": {"meanings", "standing", "sites", "links", "alarms", "timers", "gateways"},
    "offences": {
        "catalogue", "plates", "prefixes", "parsed", "reading", "import_csv", "import_json", "import_kba",
    },
}  # fmt: skip
#: Files of a slice that are parts of its `routes`.
PARTS_OF_ROUTES = {"evidence": {"camera_routes", "export_routes"}}
#: … and of its `tables`.
PARTS_OF_TABLES = {"evidence": {"export_tables"}}
#: … and of its `wire`.
PARTS_OF_WIRE = {"evidence": {"export_wire"}}
#: What a file of this name may import of `backend`: shared modules, then files of earlier slices.
SHARED = {
    "wire": ({"fields"}, set()),
    "tables": ({"db", "fields"}, set()),
    "rules": ({"fields", "machines"}, set()),
    "service": ({"db", "errors", "fields", "machines"}, {"service", "wire", "rules"}),
    "queries": ({"db", "errors", "fields", "paging"}, set()),
    "routes": ({"db", "errors", "fields", "paging"}, set()),
    "tasks": ({"db"}, set()),
}
OWN = {
    "wire": {"wire"},
    "tables": {"tables"},
    "rules": {"wire", "rules"},
    "routes": {"service", "queries", "wire", "rules"},
    "tasks": {"service"},
}

#: Where the code goes another way, each with the reason why that is right; an entry that nobody needs fails too.
EXCEPTIONS = {
    ("backend/feed/routes.py", "backend.server"): "handlers take what the process holds: secret, hub",
    ("backend/feed/routes.py", "backend.feed.live"): "an SSE handler is its stream",
    ("backend/identity/routes.py", "backend.server"): "handlers take what the process holds: keys, engine",
    ("backend/identity/routes.py", "backend.identity.sources"): "a part of the slice's service",
    ("backend/exchange/routes.py", "backend.server"): "handlers take what the process holds: keys, secret",
    ("backend/exchange/routes.py", "backend.exchange.changes"): "a part of the slice's service",
    ("backend/exchange/routes.py", "backend.exchange.gzipped"): "the route's own middleware",
    ("backend/exchange/routes.py", "backend.feed.live"): "the same streams for devices as for screens",
    ("backend/exchange/routes.py", "backend.feed.routes"): "their headers and their end",
    ("backend/exchange/routes.py", "backend.identity.service"): "`Found`: what the guard left about the token",
    ("backend/media/queries.py", "backend.log.queries"): "a receipt is a record of the log, read in its envelope",
    ("backend/media/routes.py", "backend.feed.routes"): "a body may take hours: whether its source still may",
    ("backend/media/routes.py", "backend.media.finishing"): "a part of the slice's service",
    ("backend/media/routes.py", "backend.media.tus"): "the routes' own middleware",
    ("backend/media/routes.py", "backend.media.uploading"): "a part of the slice's service",
    ("backend/media/routes.py", "backend.server"): "handlers take what the process holds: receiver, key",
    ("backend/offences/routes.py", "backend.offences.catalogue"): "a part of the slice's service",
    ("backend/offences/routes.py", "backend.server"): "handlers take what the process holds: secret",
    ("backend/offences/catalogue.py", "backend.log.canonical"): "`Json`: the type of what `identity.record` takes",
    ("backend/offences/queries.py", "backend.feed.queries"): "the board begins with the feed's cursor",
    ("backend/offences/queries.py", "backend.work.service"): "the board shows the tasks beside the offences",
    ("backend/offences/queries.py", "backend.work.wire"): "as above",
    ("backend/offences/queries.py", "backend.identity.service"): "the call signs of those who recorded",
    ("backend/offences/rules.py", "backend.offences.plates"): "pure too; reading a plate is a topic of its own",
    ("backend/identity/service.py", "backend.log.canonical"): "`Json`: the type of what `log.service.record` takes",
    ("backend/identity/sources.py", "backend.log.canonical"): "`Json`: the type of what `log.service.record` takes",
    ("backend/identity/sources.py", "backend.work.service"): "a fork or lost key opens the administrator's task;"
    " `work` imports nothing of identity, so that the two cannot become a circle",
    ("backend/exchange/service.py", "backend.identity.sources"): "the signed wipe",
    ("backend/evidence/service.py", "backend.exchange.kept"): "what the journal keeps of a clip's entry; it knows no"
    " slice, while `exchange.service` knows all",
    ("backend/evidence/deleting.py", "backend.exchange.kept"): "as above: erasing private parts",
    ("backend/evidence/deleting.py", "backend.media.queries"): "which files an entry has",
    ("backend/evidence/deleting.py", "backend.media.storage"): "the store out of which bytes are removed",
    ("backend/evidence/viewing.py", "backend.media.storage"): "the store out of which bytes are read",
    ("backend/evidence/clips.py", "backend.log.canonical"): "`Json`: the type of what `log.service.record` takes",
    ("backend/evidence/answering.py", "backend.log.canonical"): "as above",
    ("backend/evidence/deleting.py", "backend.log.canonical"): "as above",
    ("backend/evidence/viewing.py", "backend.log.canonical"): "as above",
    ("backend/evidence/queries.py", "backend.feed.queries"): "the board begins with the feed's cursor",
    ("backend/evidence/queries.py", "backend.work.service"): "the board shows the tasks beside the clips",
    ("backend/evidence/queries.py", "backend.dispatch.queries"): "whose clips an incident may have",
    ("backend/evidence/routes.py", "backend.server"): "handlers take what the process holds: keys, store, secret",
    ("backend/evidence/routes.py", "backend.evidence.answering"): "a part of the slice's service",
    ("backend/evidence/routes.py", "backend.evidence.holding"): "a part of the slice's service",
    ("backend/evidence/routes.py", "backend.evidence.viewing"): "a part of the slice's service",
    ("backend/evidence/cases.py", "backend.log.canonical"): "`Json`: the type of what `log.service.record` takes",
    ("backend/evidence/export_routes.py", "backend.evidence.cases"): "a part of the slice's service",
    ("backend/evidence/export_routes.py", "backend.server"): "handlers take what the process holds: key, folder",
    ("backend/evidence/exporting.py", "backend.log.canonical"): "as in `cases`",
    ("backend/evidence/exporting.py", "backend.log.note"): "the checkpoint that the release names",
    ("backend/evidence/exporting.py", "backend.log.queries"): "a record in its envelope",
    ("backend/evidence/exporting.py", "backend.media.storage"): "the store out of which originals are read",
    ("backend/evidence/gathering.py", "backend.exchange.storing"): "the record of an admission, rebuilt byte for byte",
    ("backend/evidence/gathering.py", "backend.exchange.tables"): "a package shows the journals of the docks",
    ("backend/evidence/gathering.py", "backend.identity.tables"): "and their keys, and the town's name",
    ("backend/evidence/gathering.py", "backend.log.queries"): "and proofs and checkpoints",
    ("backend/evidence/gathering.py", "backend.log.tables"): "and records with their places in the log",
    ("backend/evidence/gathering.py", "backend.media.storage"): "the store out of which originals are read",
    ("backend/identity/town_keys.py", "backend.log.canonical"): "`Json`: the type of what `log.service.record` takes",
    ("backend/evidence/camera_routes.py", "backend.server"): "as above: the record key",
    ("backend/evidence/camera_routes.py", "backend.evidence.cameras"): "a part of the slice's service",
    ("backend/exchange/settling.py", "backend.identity.tables"): "as admission",
    ("backend/buildings/rules.py", "backend.buildings.meanings"): "pure too; what a code means is a topic of its own",
    ("backend/dispatch/routes.py", "backend.dispatch.incidents"): "a part of the slice's service",
    ("backend/dispatch/routes.py", "backend.dispatch.jobs"): "a part of the slice's service",
    ("backend/dispatch/routes.py", "backend.dispatch.units"): "a part of the slice's service",
    ("backend/dispatch/routes.py", "backend.dispatch.emergencies"): "a part of the slice's service",
    ("backend/buildings/routes.py", "backend.buildings.alarms"): "a part of the slice's service",
    ("backend/buildings/routes.py", "backend.buildings.sites"): "a part of the slice's service",
    ("backend/buildings/routes.py", "backend.server"): "handlers take what the process holds: secret",
    ("backend/buildings/queries.py", "backend.feed.queries"): "the desk's board begins with the feed's cursor",
    ("backend/buildings/queries.py", "backend.work.service"): "the desk's board shows its tasks",
    ("backend/buildings/queries.py", "backend.dispatch.queries"): "the desk's board shows both slices",
    ("backend/buildings/queries.py", "backend.dispatch.wire"): "as above",
    ("backend/buildings/timers.py", "backend.dispatch.emergencies"): "a part of that slice's service: its timers",
    ("backend/buildings/timers.py", "backend.dispatch.jobs"): "as above",
    ("backend/exchange/changes.py", "backend.feed.queries"): "the feed is read for a device as for a screen",
}

#: `except Exception` (or wider), where a wrong answer would be worse than a coarse one.
COARSE = {
    (
        "backend/exchange/routes.py",
        "exchange",
    ): "the batch is done again entry by entry; `after_failure` raises the rest",
    ("backend/exchange/applying.py", "apply_alone"): "whatever a slice raises parks that entry (design/sync.md 4.1)",
    ("backend/feed/live.py", "_run"): "the poller outlives what a timer raises: without it every screen is deaf",
    ("backend/worker.py", "run"): "the sequencer's loop outlives a database that is away",
}

#: What does I/O, reads a clock or draws randomness: nothing for `rules.py`.
IMPURE = {
    "asyncio", "httpx", "io", "litestar", "os", "pathlib", "psycopg", "random", "secrets", "shutil", "socket",
    "sqlalchemy", "sqlite3", "structlog", "subprocess", "tempfile", "threading", "time", "urllib", "uuid_utils",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "uuid4", "uuid7", "uuid1"}


def files(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts
    )


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions: `from backend.identity import rules` is `…rules`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                is_module = (ROOT / (inner.replace(".", "/") + ".py")).is_file() or (
                    ROOT / inner.replace(".", "/")
                ).is_dir()
                yield inner if is_module else module


def slice_of(module: str) -> tuple[str, str] | None:
    """Slice and file of a module, or None where it belongs to none."""
    parts = module.removesuffix(".py").replace("/", ".").split(".")
    return (parts[1], parts[2]) if len(parts) >= 3 and parts[0] == "backend" and parts[1] in ORDER else None


SLICED = [path for path in files("backend") if slice_of(name_of(path)) and path.name != "__init__.py"]


def role(slice_: str, file: str) -> str:
    if file in PARTS_OF_ROUTES.get(slice_, set()):
        return "routes"
    if file in PARTS_OF_TABLES.get(slice_, set()):
        return "tables"
    if file in PARTS_OF_WIRE.get(slice_, set()):
        return "wire"
    return "service" if file in PARTS_OF_SERVICE.get(slice_, set()) else file


def broken(path: Path) -> Iterator[str]:
    """The imports of a slice's file that DESIGN.md's table does not allow."""
    found = slice_of(name_of(path))
    assert found is not None
    own, file = found
    kind = role(own, file)
    shared, of_earlier = SHARED[kind]
    for module in imports(path):
        if not module.startswith("backend"):
            continue
        other = slice_of(module)
        if other is None:
            if module != "backend" and module.removeprefix("backend.") not in shared:
                yield module
        elif other[0] == own:
            allowed = OWN.get(kind)
            if allowed is not None and not {other[1], _shape(*other)} & allowed:
                yield module
        elif ORDER.index(other[0]) > ORDER.index(own) or other[1] not in {*of_earlier, *_wires(kind)}:
            yield module


def _shape(slice_: str, file: str) -> str:
    return "wire" if role(slice_, file) == "wire" else file


def _wires(kind: str) -> set[str]:
    """A shape of an earlier slice may be part of a shape of ours."""
    return {"wire"} if kind in ("wire", "service") else set()


def test_every_file_of_a_slice_is_of_the_vocabulary() -> None:
    unknown = [name_of(p) for p in SLICED if role(*slice_of(name_of(p))) not in SHARED]
    assert [] == unknown


def test_every_folder_of_the_server_is_a_slice_or_named() -> None:
    folders = {path.name for path in (ROOT / "backend").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - set(ORDER) <= {"local", "web", "gateway"}


@pytest.mark.parametrize("path", SLICED, ids=name_of)
def test_a_slices_file_imports_what_the_table_allows(path: Path) -> None:
    if name_of(path) in KNOW_ALL:
        return
    unforeseen = sorted(module for module in set(broken(path)) if (name_of(path), module) not in EXCEPTIONS)
    assert [] == unforeseen


def test_every_exception_is_still_needed() -> None:
    needed = {(name_of(path), module) for path in SLICED if name_of(path) not in KNOW_ALL for module in broken(path)}
    assert set(EXCEPTIONS) - needed == set()


def test_only_the_named_files_know_slices_from_outside() -> None:
    outside = [p for p in files("backend", "migrations") if not slice_of(name_of(p)) and name_of(p) not in KNOW_ALL]
    knowing = {name_of(p) for p in outside if any(slice_of(m) for m in imports(p))}
    knowing = {name for name in knowing if not name.startswith("backend/local/")}  # the operator's commands
    assert knowing == {"backend/server.py"}, "it holds the hub and the log's keys"


def test_no_import_hides_in_a_function_but_in_the_command_line() -> None:
    hidden = set()
    for path in files(*OURS):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        hidden.add(name_of(path))
    assert {name for name in hidden if not name.startswith("backend/local/")} == {
        "backend/cli.py",
        "backend/description.py",
    }


def test_rules_are_pure() -> None:
    for path in files("backend", "sync"):
        if path.name != "rules.py" and path != ROOT / "sync" / "admission.py":
            continue
        roots = {module.partition(".")[0] for module in imports(path)}
        assert roots & IMPURE == set(), name_of(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in CLOCKS, f"{name_of(path)}:{node.lineno} reads a clock"


def test_sources_code_imports_nothing_of_the_server() -> None:
    for path in files("sync"):
        ours = {m for m in imports(path) if m.partition(".")[0] in OURS and not m.startswith("sync")}
        assert ours == set(), name_of(path)
    for path in files("bodycam_dock"):
        ours = {m.partition(".")[0] for m in imports(path)} & set(OURS)
        assert ours <= {"sync", "bodycam_dock"}, name_of(path)
    shared = {"backend.fields", "backend.bodies"}
    for path in files("backend/gateway"):
        ours = {m for m in imports(path) if m.partition(".")[0] in OURS}
        assert {m for m in ours if not m.startswith(("sync", "backend.gateway"))} <= shared, name_of(path)


def test_aes_has_one_door_in_the_gateway() -> None:
    using = {name_of(p) for p in files("backend/gateway") if any(m.startswith("cryptography") for m in imports(p))}
    assert using == {"backend/gateway/aes.py"}


def test_cryptography_and_http_have_one_door_each_in_sync() -> None:
    using = {"cryptography": set(), "httpx": set()}
    for path in files("sync"):
        for module in imports(path):
            root = module.partition(".")[0]
            if root in using:
                using[root].add(name_of(path))
            assert root not in ("litestar", "sqlalchemy", "psycopg", "celery", "starlette"), name_of(path)
    assert using == {"cryptography": {"sync/keys.py"}, "httpx": {"sync/server.py"}}


def functions_with(path: Path, is_wanted) -> Iterator[str]:
    """Names of the innermost functions that hold a node of interest."""

    def walk(node: ast.AST, inside: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else inside
            if is_wanted(child):
                yield inside
            yield from walk(child, name)

    yield from walk(ast.parse(path.read_text()), "")


def is_coarse(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler) or (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None):
        return False  # what is raised again was not swallowed
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        one is None or (isinstance(one, ast.Name) and one.id in ("Exception", "BaseException")) for one in caught
    )


def test_nothing_is_caught_blindly_but_where_it_is_named() -> None:
    found = {
        (name_of(path), name)
        for path in files(*OURS)
        for name in functions_with(path, is_coarse)
        if not name_of(path).startswith("backend/local/")
    }
    assert found == set(COARSE)


def test_services_do_not_commit() -> None:
    def commits(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"

    for path in SLICED:
        assert list(functions_with(path, commits)) == [], name_of(path)


def test_routes_translate_nothing() -> None:
    """Refusals are translated once, in `problems.py`; one `try` repeats a deadlock."""
    trying = {
        (name_of(path), name)
        for path in SLICED
        if path.name == "routes.py"
        for name in functions_with(path, lambda node: isinstance(node, ast.Try))
    }
    assert trying == {("backend/exchange/routes.py", "exchange")}


def test_files_and_functions_keep_to_a_size_that_can_be_read() -> None:
    """Tendencies (STYLE.md 12), with room: what grows beyond has a second topic."""
    for path in files("backend", "sync"):
        # The one list of all refusals (STYLE.md 4); the one file that travels in a package.
        # The one list of all refusals (STYLE.md 4); one file, so that it can travel in a package.
        if name_of(path) not in ("backend/errors.py", "backend/evidence/verify.py"):
            assert len(path.read_text().splitlines()) <= 420, name_of(path)


def test_every_test_file_lies_where_its_source_does() -> None:
    assert (ROOT / "tests" / "backend").is_dir()
    folders = {p.name for p in (ROOT / "tests" / "backend").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= {p.name for p in (ROOT / "backend").iterdir() if p.is_dir()}
