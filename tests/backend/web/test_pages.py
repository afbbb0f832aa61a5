"""The pages in a real browser: what a phone records stands on the clerk's screen, and a stale screen says so."""

import gzip
import json
import re
import secrets
import subprocess
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from backend.description import text
from backend.errors import all_problems
from backend.fields import Role
from tests.backend.web.conftest import THEMES, WEB, Screen, Screens, Town

pytestmark = pytest.mark.slow


def street() -> str:
    """A place that no other test has."""
    return f"Straße {secrets.token_hex(4)}"


def test_the_pure_parts_and_the_types_hold(node_modules: Path) -> None:
    for script in ("check", "test"):
        done = subprocess.run(["npm", "run", script], cwd=WEB, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_stay_small_and_hold_nothing_inline(built: Path) -> None:
    for page in ("index.html", "reference/index.html"):
        html = (built / page).read_text("utf-8")
        assert [] == re.findall(r"<style|style=|<script(?![^>]*src=)|https?://", html)
    packed = {kind: sum(len(gzip.compress(p.read_bytes())) for p in built.rglob(f"*.{kind}")) for kind in ("js", "css")}
    assert packed["js"] < 70_000, packed
    assert max(len(gzip.compress(p.read_bytes())) for p in built.rglob("*.js")) < 30_000
    assert packed["css"] < 30_000, packed
    cuts = {re.sub(r"^(FiraSans-[A-Za-z]+)-.*", r"\1", path.name) for path in built.rglob("*.woff2")}
    assert {"FiraSans-Regular", "FiraSans-SemiBold"} == cuts


def test_the_pages_read_only_what_the_api_describes() -> None:
    described = json.loads(text())["components"]["schemas"]
    source = "".join(path.read_text("utf-8") for path in sorted((WEB / "api").glob("wire*.ts")))
    read = re.findall(r"export interface (\w+)[^{]*\{\n(.*?)\n\}", source, re.DOTALL)
    assert {"Me", "Board", "Task", "CloseTask", "OffenceLine", "FeedPage", "DeskBoard", "Alarm", "NewJob"} <= {
        name for name, _ in read
    }
    for name, body in read:
        members = set(re.findall(r"^  readonly (\w+)\??:", body, re.MULTILINE))
        assert members <= set(described[name]["properties"]), name


def test_a_page_is_asked_for_each_time_and_an_asset_once(town: Town) -> None:
    with httpx.Client(base_url=town.running.address, headers={"accept-encoding": "gzip"}) as http:
        page = http.get("/")
        assert "no-cache" == page.headers["cache-control"]
        (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
        asset = http.get(script)
        assert "immutable" in asset.headers["cache-control"]
        assert "gzip" == asset.headers["content-encoding"]
        assert "default-src 'none'" in asset.headers["content-security-policy"]


def test_sentences_are_written_for_problems_that_exist() -> None:
    table = (WEB / "api" / "problems.ts").read_text("utf-8").partition("SENTENCES")[2].partition("};")[0]
    assert set(re.findall(r"^  (\w+):", table, re.MULTILINE)) <= {cls.code for cls in all_problems()}


def test_a_wrong_password_is_said_in_a_sentence_and_takes_no_word_away(screens: Screens, town: Town) -> None:
    town.person("sb-14", "Sachbearbeitung SB-14", Role.CLERK)
    screen = screens.new()
    screen.open()
    screen.page.get_by_label("Kennung").fill("sb-14")
    screen.page.get_by_label("Passwort").fill("ein falsches Passwort")
    screen.page.keyboard.press("Enter")
    expect(screen.page.get_by_role("alert")).to_contain_text("Kennung oder Passwort stimmen nicht.")
    expect(screen.page.get_by_label("Kennung")).to_have_value("sb-14")


def test_an_offence_that_a_phone_records_appears_without_reloading(screen: Screen, town: Town) -> None:
    screen.go("Anzeigen")
    place = street()
    town.record({"street": place, "house_no": "14", "plate": "MO-KD 417", "amount_cents": 5500})

    row = screen.row(place)
    expect(row).to_contain_text(f"{place} 14")
    expect(row).to_contain_text("MO-KD 417")
    expect(row).to_contain_text("55,00\u00a0EUR")
    expect(row).to_contain_text("neu")
    expect(row).to_contain_text("keine Ausgabe")
    expect(screen.page.locator("tbody tr").first).to_contain_text(place)


def test_a_task_appears_is_closed_with_a_reason_and_leaves_every_screen(
    screen: Screen, screens: Screens, town: Town
) -> None:
    other = screens.new()
    other.sign_in("sb-14")
    place = street()
    town.record({"street": place, "amount_cents": None})
    task, elsewhere = (
        screen.row(place).filter(has_text="Betrag fehlt"),
        other.row(place).filter(has_text="Betrag fehlt"),
    )
    expect(elsewhere).to_be_visible()
    other.page.mouse.move(5, 700)

    task.get_by_role("button", name="Betrag fehlt").click()
    screen.page.get_by_role("button", name="Abschließen").click()
    expect(screen.page.get_by_role("alert")).to_contain_text("Bitte Ergebnis und Grund angeben.")
    screen.page.get_by_label("Geklärt").check()
    screen.page.get_by_label("Grund in einem Satz").fill("Betrag nach Rückfrage nachgetragen")
    screen.page.get_by_role("button", name="Abschließen").click()

    expect(task).to_contain_text("erledigt")
    expect(screen.page.get_by_role("button", name="Abschließen")).to_have_count(0)
    expect(elsewhere).to_have_count(0)


def test_a_list_waits_while_somebody_works_in_it(screen: Screen, town: Town) -> None:
    screen.go("Anzeigen")
    first = street()
    town.record({"street": first})
    screen.row(first).get_by_role("button").click()
    expect(screen.page.get_by_text("Festgestellt von")).to_be_visible()
    at = screen.row(first).first.bounding_box()

    second = street()
    town.record({"street": second})
    waiting = screen.page.get_by_role("button", name=re.compile("neue Anzeige zeigen"))
    expect(waiting).to_be_visible()
    expect(screen.row(second)).to_have_count(0)
    assert at == screen.row(first).first.bounding_box()

    screen.row(first).get_by_role("button").first.click()
    waiting.click()
    expect(screen.page.locator("tbody tr").first).to_contain_text(second)


def test_what_is_selected_and_filtered_stands_in_the_address(screen: Screen, town: Town) -> None:
    place = street()
    town.record({"street": place, "amount_cents": None})
    screen.page.get_by_role("button", name=re.compile("^Betrag")).first.click()
    screen.row(place).get_by_role("button", name="Betrag fehlt").click()
    expect(screen.page.get_by_label("Grund in einem Satz")).to_be_visible()
    screen.page.reload()
    expect(screen.page.get_by_label("Grund in einem Satz")).to_be_visible()
    expect(screen.page.get_by_role("button", name=re.compile("^Betrag ")).first).to_have_attribute(
        "aria-pressed", "true"
    )
    kept = screen.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "[{},{}]" == kept


def test_a_screen_that_hears_nothing_is_covered_and_goes_on_by_itself(screen: Screen, town: Town) -> None:
    first = street()
    town.record({"street": first, "amount_cents": None})
    screen.row(first).get_by_role("button", name="Betrag fehlt").click()
    typed = screen.page.get_by_label("Grund in einem Satz")
    typed.fill("halb getippt")
    expect(screen.page.get_by_text("Stand: vor")).to_be_visible()
    with town.stopped():
        cover = screen.page.get_by_role("alertdialog", name="KEINE VERBINDUNG")
        expect(cover).to_be_visible(timeout=40_000)
        expect(cover).to_contain_text("Letzter bekannter Stand")
        expect(screen.page.locator(".st-office")).to_have_js_property("inert", True)
    expect(cover).to_have_count(0, timeout=20_000)
    expect(typed).to_have_value("halb getippt")
    expect(typed).to_be_focused()
    screen.page.get_by_role("button", name="Abbrechen").click()
    screen.page.mouse.move(5, 700)
    screen.go("Anzeigen")
    second = street()
    town.record({"street": second})
    expect(screen.row(second)).to_be_visible()


def test_an_ended_session_leads_to_the_sign_in_with_a_word_why(screen: Screen) -> None:
    assert 204 == screen.page.request.delete(f"{screen.town.running.address}/v1/session").status
    expect(screen.page.get_by_role("heading", name="Anmelden")).to_be_visible(timeout=30_000)
    expect(screen.page.get_by_role("alert")).to_contain_text("Ihre Anmeldung ist abgelaufen.")


def test_signing_out_ends_the_session_on_the_server(screen: Screen) -> None:
    screen.page.get_by_role("button", name="Abmelden").click()
    expect(screen.page.get_by_role("heading", name="Anmelden")).to_be_visible()
    assert 401 == screen.page.request.get(f"{screen.town.running.address}/v1/session").status


@pytest.mark.parametrize(
    ("role", "login", "sentence"),
    [
        (Role.GUARD, "wache-1", "Die Seite für den Sicherheitsdienst gibt es in dieser Version noch nicht."),
        (Role.STAFF_COUNCIL, "personalrat", "Die Seite für den Personalrat gibt es in dieser Version noch nicht."),
    ],
)
def test_who_works_elsewhere_reads_what_is_here_and_what_is_not(
    screens: Screens, town: Town, role: Role, login: str, sentence: str
) -> None:
    town.person(login, login, role)
    screen = screens.new()
    screen.sign_in(login)
    expect(screen.page.get_by_role("main")).to_contain_text(sentence)
    expect(screen.page.get_by_role("navigation").get_by_role("link")).to_have_text(["API-Referenz"])


def test_everything_on_the_way_to_a_closed_task_works_by_keyboard(screen: Screen, town: Town) -> None:
    place = street()
    town.record({"street": place, "amount_cents": None})
    expect(screen.row(place).first).to_be_visible()
    keys = screen.page.keyboard
    screen.page.evaluate("document.activeElement.blur()")
    keys.press("Tab")
    expect(screen.page.get_by_role("link", name="Zum Inhalt springen")).to_be_focused()
    keys.press("Enter")
    button = screen.row(place).filter(has_text="Betrag fehlt").get_by_role("button")
    for _ in range(200):
        keys.press("Tab")
        if button.evaluate("one => one === document.activeElement"):
            break
    assert "2px" == button.evaluate("one => getComputedStyle(one).outlineWidth")
    keys.press("Enter")
    expect(screen.page.get_by_label("Geklärt")).to_be_focused()
    keys.press("Space")
    keys.press("Tab")
    keys.type("Nachgetragen")
    keys.press("Enter")
    expect(screen.row(place).filter(has_text="Betrag fehlt")).to_contain_text("erledigt")


def test_the_list_stays_short_and_the_counters_true_when_many_come(screen: Screen, town: Town) -> None:
    screen.go("Anzeigen")
    total = screen.page.get_by_role("navigation").get_by_role("link", name="Anzeigen")
    before = int(re.sub(r"\D", "", total.inner_text()))
    place = street()
    town.record(*({"street": place} for _ in range(1500)))
    expect(total).to_contain_text(f"{before + 1500:,}".replace(",", "."), timeout=30_000)
    expect(screen.page.locator("tbody tr")).to_have_count(200)


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_any_screen(screens: Screens, town: Town, node_modules: Path, theme: str) -> None:
    town.person("sb-14", "Sachbearbeitung SB-14", Role.CLERK)
    town.person("wache-1", "wache-1", Role.GUARD)
    town.record({"street": "Markt", "amount_cents": None}, {"street": "Markt", "plate": "???"})
    screen = screens.new(theme)
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")

    def looks_sound(where: str) -> None:
        screen.page.evaluate(axe)
        found = screen.page.evaluate("axe.run().then(one => one.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
        assert [] == found, where

    screen.open()
    expect(screen.page.get_by_label("Kennung")).to_be_focused()
    looks_sound("Anmelden")
    screen.sign_in("sb-14")
    expect(screen.page.locator("tbody tr").first).to_be_visible()
    looks_sound("Aufgaben")
    screen.page.locator("tbody button").first.click()
    expect(screen.page.get_by_text("Festgestellt von")).to_be_visible()
    looks_sound("Aufgabe")
    screen.go("Anzeigen")
    screen.page.locator("tbody button").first.click()
    expect(screen.page.get_by_text("Festgestellt von")).to_be_visible()
    looks_sound("Anzeige")
    screen.page.get_by_role("button", name="Abmelden").click()
    screen.sign_in("wache-1")
    looks_sound("Ihre Rolle")
    screen.open("/reference/")
    expect(screen.page.locator("#closeTask")).to_be_visible()
    looks_sound("API-Referenz")


def test_the_reference_names_every_operation_with_its_right(screens: Screens, town: Town) -> None:
    screen = screens.new()
    screen.open("/reference/")
    expect(screen.page.locator("#closeTask")).to_contain_text("angemeldete Person")
    described = screen.page.request.get(f"{town.running.address}/v1/openapi/openapi.json").json()
    operations = {one["operationId"]: one["x-right"] for path in described["paths"].values() for one in path.values()}
    for name, right in operations.items():
        expect(screen.page.locator(f"#{name} dl").first).to_contain_text(right)

    screen.page.get_by_label("Adressen suchen").fill("post offence:")
    expect(screen.page.locator("#listOffences")).to_have_count(0)
    screen.page.get_by_label("Adressen suchen").fill("get offence:R")
    expect(screen.page.locator("article.st-address[id=listOffences]")).to_be_visible()
