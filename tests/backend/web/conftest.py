"""The built pages on a real server and a real database, in Debian's Chromium."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from backend.fields import PersonId, Role
from backend.identity import service as identity
from backend.identity.wire import NewPerson
from tests.backend.world import PASSWORD, offence
from tests.benchmarks.running import Running, running

WEB = Path(__file__).parents[3] / "backend" / "web"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
THEMES = ("light", "dark")
#: The browser writes it by itself for each answer from 400 on.
EXPECTED = "Failed to load resource: the server responded with a status of 4"


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The packages of the lock file."""
    if shutil.which("npm") is None:
        pytest.skip("Node.js is missing: the pages cannot be built")
    if not (WEB / "node_modules" / "axe-core").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=WEB, check=True, capture_output=True)
    return WEB / "node_modules"


@pytest.fixture(scope="session")
def built(node_modules: Path) -> Path:
    """The pages as their sources stand now."""
    subprocess.run(["npm", "run", "build"], cwd=WEB, check=True, capture_output=True)
    return WEB / "built"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless, each context with a fresh profile."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is missing (Debian's package `chromium`)")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


@dataclass
class Town:
    """A town on a running server, with the people that a test needs."""

    running: Running

    def person(self, login: str, call_sign: str, *roles: Role) -> PersonId:
        """An account, unless it is there already."""
        with self.running.sessions.begin() as session:
            known = {one.login: one.id for one in identity.people(session)}
            if login in known:
                return known[login]
            data = NewPerson(login=login, name=call_sign, call_sign=call_sign, password=PASSWORD)
            person = identity.add_person(session, None, data, now=datetime.now(UTC)).id
            for role in roles:
                identity.grant_role(session, None, person, role, now=datetime.now(UTC))
            return person

    def record(self, *bodies: dict[str, object]) -> list[str]:
        """Offences recorded by a new phone, admitted by the server; their ids."""
        client, journal, person = self.running.phone()
        drafts = [offence(person, body) for body in bodies]
        journal.append_many(drafts)
        client.drain(patience_s=10)
        journal.close()
        return [draft.id for draft in drafts]

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The server answers nothing while the block lasts, as if a cable were cut: no connection is closed."""
        groups = [child.record.pid for child in self.running.children if child.record is not None]
        for group in groups:
            os.killpg(group, 19)  # SIGSTOP
        try:
            yield
        finally:
            for group in groups:
                os.killpg(group, 18)  # SIGCONT


@pytest.fixture(scope="session")
def town(built: Path) -> Iterator[Town]:
    """One server for all tests of the pages."""
    with running("api", "worker", "beat") as made:
        yield Town(made)


@dataclass
class Screen:
    """A person's browser window."""

    page: Page
    town: Town
    complaints: list[str]

    def open(self, address: str = "/") -> None:
        self.page.goto(self.town.running.address + address)

    def sign_in(self, login: str) -> None:
        """The first page after the sign-in stands."""
        self.open()
        self.page.get_by_label("Kennung").fill(login)
        self.page.get_by_label("Passwort").fill(PASSWORD)
        self.page.get_by_role("button", name="Anmelden").click()
        expect(self.page.get_by_role("button", name="Abmelden")).to_be_visible()

    def go(self, name: str) -> None:
        """The area of this name is open."""
        self.page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()
        self.page.mouse.move(5, 700)

    def row(self, text: str) -> Locator:
        """The row of a list that holds this text."""
        return self.page.locator("tbody tr").filter(has_text=text)


@dataclass
class Screens:
    """Opens windows and looks afterwards whether one complained."""

    browser: Browser
    town: Town
    contexts: list[BrowserContext]
    complaints: list[str]

    def new(self, theme: str = "light", width: int = 1440, height: int = 900) -> Screen:
        """A window with a profile of its own."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type]
            locale="de-DE",
            timezone_id="America/New_York",  # times are the town's, wherever the screen stands
        )
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._watch(request.url))
        return Screen(page, self.town, self.complaints)

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(EXPECTED):
            self.complaints.append(text)

    def _watch(self, url: str) -> None:
        if not url.startswith((self.town.running.address, "data:")):
            self.complaints.append(f"a request to a third party: {url}")


@pytest.fixture
def screens(browser: Browser, town: Town) -> Iterator[Screens]:
    """Windows of this test. No script failed, nothing was blocked by the policy, no third party was asked."""
    made = Screens(browser, town, [], [])
    yield made
    for context in made.contexts:
        context.close()
    assert [] == made.complaints


@pytest.fixture
def screen(screens: Screens, town: Town) -> Screen:
    """A clerk's window, signed in."""
    town.person("sb-14", "Sachbearbeitung SB-14", Role.CLERK)
    made = screens.new()
    made.sign_in("sb-14")
    return made
