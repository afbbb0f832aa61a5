"""The control room in a real browser: a P1 stands on top and sounds, is taken over by keys, and no screen is deaf."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from backend.fields import Role
from tests.backend.web.conftest import THEMES, Screen, Screens, Town
from tests.backend.web.desk import Desk

pytestmark = pytest.mark.slow

#: Counts what the page plays: contexts that run, and tones that were started.
EARS = """
    window.heard = { tones: 0, contexts: [] };
    window.AudioContext = class extends AudioContext {
      constructor() { super(); window.heard.contexts.push(this); }
      createOscillator() { window.heard.tones += 1; return super.createOscillator(); }
    };
"""


@pytest.fixture(scope="session")
def desk(town: Town) -> Desk:
    town.person("leitstelle", "Platz D-02", Role.DISPATCHER)
    made = Desk(town)
    made.patrol("Linde 12")
    made.patrol("Erle 23", mode="car", code="2")
    return made


@pytest.fixture
def quiet(desk: Desk) -> Iterator[Desk]:
    """Nothing is open."""
    desk.clear()
    yield desk
    desk.clear()


def dispatcher(screens: Screens, theme: str = "dark", width: int = 1280, height: int = 800) -> Screen:
    """A dispatcher's window whose test tone was heard."""
    screen = screens.new(theme, width, height)
    screen.page.add_init_script(EARS)
    screen.sign_in("leitstelle")
    screen.page.get_by_role("button", name="Prüfton abspielen").click()
    screen.page.get_by_role("button", name="Gehört, Platz besetzen").click()
    expect(screen.page.get_by_text("Ton geprüft")).to_be_visible()
    if theme == "light":
        screen.page.get_by_role("button", name="Hell").click()
    return screen


@pytest.fixture
def room(screens: Screens, quiet: Desk) -> Screen:
    return dispatcher(screens)


def band(page: Page):
    return page.get_by_role("region", name="Nicht angenommene Alarme")


def tones(page: Page) -> int:
    return page.evaluate("window.heard.tones")


def test_a_desk_counts_as_manned_only_after_its_test_tone_was_heard(screens: Screens, quiet: Desk) -> None:
    screen = screens.new("dark")
    screen.page.add_init_script(EARS)
    screen.sign_in("leitstelle")
    expect(screen.page.get_by_text("Dieser Platz ist nicht besetzt.")).to_be_visible()
    expect(screen.page.get_by_text("Ton nicht geprüft")).to_be_visible()
    screen.page.get_by_role("button", name="Prüfton abspielen").click()
    expect(screen.page.get_by_role("button", name="Gehört, Platz besetzen")).to_be_focused()
    assert ["running"] == screen.page.evaluate("window.heard.contexts.map(one => one.state)")
    assert 3 == tones(screen.page)
    screen.page.keyboard.press("Enter")
    expect(screen.page.get_by_role("banner")).to_contain_text("Platz besetzt")


def test_a_p1_stands_on_top_sounds_until_it_is_accepted_and_is_confirmed_as_shown(room: Screen, desk: Desk) -> None:
    page = room.page
    before = tones(page)
    desk.tell("panic.silent", "017", level=3)

    expect(band(page)).to_contain_text("Panikalarm Stufe\u00a03, still · Rathaus Altbau, Zimmer 217")
    expect(band(page)).to_contain_text("Zweiter Platz, Aufsicht")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rathaus Altbau, Zimmer 217")
    page.wait_for_function("before => window.heard.tones >= before + 6", arg=before)
    expect(page.get_by_text("Platz 017: in der Leitstelle angezeigt")).to_be_visible()
    assert desk.alarm(state="raised")["shown_at"] is not None

    page.keyboard.press(" ")
    expect(band(page)).to_have_count(0)
    alarm = desk.alarm(kind="panic.silent")
    assert ("accepted", "accepted") == (alarm["state"], desk.house.board()["incidents"][0]["state"])
    silent = tones(page)
    assert silent == page.evaluate("new Promise(done => setTimeout(() => done(window.heard.tones), 2500))")
    expect(page.get_by_role("region", name="Ereignisse")).to_contain_text("Panikalarm")


def test_a_p1_is_shown_while_an_open_transaction_holds_the_feed_back(room: Screen, desk: Desk, town: Town) -> None:
    with town.running.sessions.begin() as session:
        session.execute(text("SELECT pg_current_xact_id()"))
        desk.tell("panic.silent", "018")
        expect(band(room.page)).to_contain_text("Platz 018", timeout=4000)
        room.page.keyboard.press(" ")
        expect(band(room.page)).to_have_count(0)


def test_space_accepts_from_anywhere_but_a_text_field_and_one_alarm_for_each_press(room: Screen, desk: Desk) -> None:
    page = room.page
    desk.tell("panic.silent", "017")
    desk.tell("panic.silent", "018")
    expect(band(page).get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("/")
    page.keyboard.type("n ein Wort")
    expect(page.get_by_label("Befehl", exact=True)).to_have_value("n ein Wort")
    expect(band(page)).to_contain_text("Platz 017")
    page.keyboard.press("Escape")

    page.keyboard.down(" ")
    page.keyboard.down(" ")
    page.keyboard.down(" ")
    expect(band(page)).not_to_contain_text("Platz 017")
    page.keyboard.up(" ")
    expect(band(page)).to_contain_text("Platz 018")

    page.keyboard.press("/")
    page.keyboard.press("Control+A")
    page.keyboard.type("a")
    page.keyboard.press("Enter")
    expect(band(page)).to_have_count(0)
    expect(page.get_by_role("search").get_by_role("status")).to_contain_text("Angenommen")


def test_an_incident_is_dispatched_noted_and_closed_with_a_disposition_by_keyboard_alone(
    room: Screen, desk: Desk
) -> None:
    page, keys = room.page, room.page.keyboard
    incident = desk.incident("noise", "Landwehrstraße 19")
    row = page.get_by_role("region", name="Ereignisse").get_by_role("button", name=re.compile("Landwehrstraße 19"))
    expect(row).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Lärm · Landwehrstraße 19")

    def command(line: str, answer: str) -> None:
        keys.press("/")
        keys.type(line)
        keys.press("Enter")
        expect(page.get_by_role("search").get_by_role("status")).to_contain_text(answer)
        keys.press("Escape")

    command("a", f"Ereignis {incident['no']} angenommen")
    command("d linde12", f"Auftrag {incident['no']} an Linde 12 gesendet")
    command("v Anwohner erreicht", f"Vermerk zu {incident['no']} gespeichert")
    course = page.get_by_role("region", name="Verlauf", exact=True)
    expect(course).to_contain_text("Auftrag an Linde 12")
    expect(course).to_contain_text("Anwohner erreicht")
    command("w linde12", "Linde 12 zurückgezogen")
    expect(page.get_by_text("Ohne Einheit.")).to_be_visible()
    command("x unbeg", f"Ereignis {incident['no']} geschlossen: unbegründet")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Keine offenen Ereignisse")
    assert [] == desk.house.board()["incidents"]


def test_a_status_is_set_at_the_command_bar_with_suggestions(room: Screen, desk: Desk) -> None:
    page, keys = room.page, room.page.keyboard
    keys.press("/")
    keys.type("s er")
    expect(page.get_by_role("listbox", name="Vorschläge").get_by_role("option")).to_have_count(10)
    keys.type(" 5")
    keys.press("Enter")
    strip = page.get_by_role("region", name="Streifen")
    expect(strip.get_by_role("button", name=re.compile("Erle 23.*Sprechwunsch"))).to_be_visible()
    keys.type("s erle 23 9")
    keys.press("Enter")
    expect(strip.get_by_role("button", name=re.compile("Erle 23.*2 frei auf Dienststelle"))).to_be_visible()


def test_a_report_becomes_an_incident(room: Screen, desk: Desk) -> None:
    page, keys = room.page, room.page.keyboard
    keys.press("/")
    keys.type("n Drei Personen streiten")
    keys.press("Enter")
    expect(page.get_by_label("Ort")).to_be_focused()
    keys.type("Neumarkt 5")
    expect(page.get_by_label("Was ist")).to_have_value("Drei Personen streiten")
    page.get_by_label("Art", exact=True).select_option("dispute")
    expect(page.get_by_label("Priorität", exact=True)).to_have_value("4")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Streit · Neumarkt 5")
    expect(page.get_by_role("region", name="Verlauf", exact=True)).to_contain_text("Meldung: Drei Personen streiten")


def test_an_alarm_without_an_incident_is_accepted_and_closed(room: Screen, desk: Desk) -> None:
    page = room.page
    desk.tell("tamper", None)
    row = page.get_by_role("region", name="Ereignisse").get_by_role("button", name=re.compile("Sabotagekontakt"))
    row.click()
    page.get_by_role("button", name="Annehmen a", exact=True).click()
    page.get_by_role("button", name="technischer Fehlalarm").click()
    expect(row).to_have_count(0)
    assert [] == desk.house.alarms()


def test_what_waits_is_not_closed_in_passing(room: Screen, desk: Desk) -> None:
    page, keys = room.page, room.page.keyboard
    desk.tell("panic.silent", "017")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rathaus Altbau, Zimmer 217")
    keys.press("/")
    keys.type("x test")
    keys.press("Enter")
    expect(page.get_by_role("search").get_by_role("status")).to_contain_text("Erst annehmen: ein Alarm wartet noch")
    expect(band(page)).to_be_visible()


def test_an_emergency_stands_above_every_p1_and_only_a_person_ends_it(room: Screen, desk: Desk) -> None:
    page = room.page
    desk.tell("panic.silent", "017")
    expect(band(page)).to_contain_text("Platz 017")
    desk.emergency()
    expect(band(page).get_by_role("img", name="Notruf")).to_be_visible()
    page.keyboard.press(" ")
    expect(band(page).get_by_role("img", name="Notruf")).to_have_count(0)
    page.keyboard.press(" ")
    expect(band(page)).to_have_count(0)
    page.get_by_role("region", name="Ereignisse").get_by_role("button", name=re.compile("Notruf")).click()
    expect(page.get_by_text("Der Notruf ist noch offen.")).to_be_visible()
    page.get_by_role("button", name="Sicher, per Stimme bestätigt").click()
    page.get_by_role("button", name="Notruf schließen").click()
    page.get_by_role("button", name="berechtigt").click()
    expect(page.get_by_role("search").get_by_role("status")).to_contain_text("geschlossen: berechtigt")


def test_in_a_flood_each_p1_keeps_its_line_and_the_rest_is_counted_not_dropped(room: Screen, desk: Desk) -> None:
    page, house = room.page, desk.house
    names = ["017", "018", "019"]
    others = ["door", "plain"]
    for nr in range(9):
        if f"flut {nr}" not in house.ids:
            house.add("points", f"flut {nr}", zone=house.ids["office"], label=f"Platz 3{nr:02}", kind="desk")
        names.append(f"flut {nr}")
    points = [{"name": name, "point": house.ids[name]} for name in (*names, *others)]
    line, building = house.ids["line 1234"], house.ids["building"]
    changed = house.post(
        f"/v1/lines/{line}/change", house.admin, label="Zentrale 1234", building=building, points=points
    )
    assert 200 == changed.status_code, changed.text
    for name in names:
        desk.tell("panic.silent", name)
    expect(band(page)).to_contain_text("und 4 weitere P1, alle: Rathaus Altbau")
    expect(band(page).get_by_role("button", name=re.compile("Annehmen"))).to_have_count(8)
    expect(page.get_by_text("Nichts verworfen, nichts verzögert.")).to_be_visible()
    for left in range(12, 0, -1):
        if left > 1:
            expect(band(page).get_by_role("alert")).to_contain_text(f"{left} warten.")
        else:
            expect(band(page).get_by_role("alert")).not_to_contain_text("warten.")
        page.keyboard.press(" ")
    expect(band(page)).to_have_count(0)
    assert {"accepted"} == {one["state"] for one in house.alarms()}


def test_a_deaf_screen_covers_itself_with_the_last_known_p1_and_its_own_sound(
    room: Screen, desk: Desk, town: Town
) -> None:
    page = room.page
    desk.tell("panic.silent", "019")
    expect(band(page)).to_contain_text("Platz 019")
    page.keyboard.press(" ")
    expect(band(page)).to_have_count(0)
    before = tones(page)
    with town.stopped():
        cover = page.get_by_role("alertdialog", name="KEINE VERBINDUNG")
        expect(cover).to_be_visible(timeout=40_000)
        expect(cover).to_contain_text("Rathaus Altbau, Zimmer 217")
        expect(cover).to_contain_text("110")
        expect(page.locator(".cr")).to_have_js_property("inert", True)
        page.wait_for_function("before => window.heard.tones > before", arg=before)
    expect(cover).to_have_count(0, timeout=20_000)
    expect(page.get_by_role("region", name="Ereignisse")).to_contain_text("Panikalarm")


def test_two_desks_see_the_same_and_a_second_acceptance_changes_nothing(
    screens: Screens, room: Screen, desk: Desk
) -> None:
    other = dispatcher(screens, "light")
    desk.tell("panic.silent", "017")
    expect(band(room.page)).to_be_visible()
    expect(band(other.page)).to_be_visible()
    room.page.keyboard.press(" ")
    other.page.keyboard.press(" ")
    for one in (room, other):
        expect(band(one.page)).to_have_count(0)


def test_with_a_second_role_the_office_is_one_step_away(screens: Screens, town: Town, quiet: Desk) -> None:
    town.person("beides", "Platz D-03", Role.DISPATCHER, Role.CLERK)
    screen = screens.new("dark", width=1920)
    screen.sign_in("beides")
    screen.page.get_by_role("link", name="Büro").click()
    expect(screen.page.get_by_role("heading", level=1, name="Aufgaben")).to_be_visible()
    screen.page.get_by_role("navigation").get_by_role("link", name="Leitstelle").click()
    expect(screen.page.get_by_role("region", name="Streifen")).to_be_visible()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [1280, 1920])
def test_axe_finds_nothing_in_any_state_of_the_room(
    screens: Screens, quiet: Desk, node_modules: Path, theme: str, width: int
) -> None:
    screen = dispatcher(screens, theme, width)
    page = screen.page
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")

    def looks_sound(where: str) -> None:
        page.evaluate(axe)
        found = page.evaluate("axe.run().then(one => one.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
        assert [] == found, where
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{where} is too wide"

    looks_sound("Ruhe")
    quiet.tell("alarm", "door")
    quiet.incident("dog", "Spielplatz Schlosspark")
    expect(page.get_by_role("button", name=re.compile("Fluchttür geöffnet"))).to_be_visible()
    page.get_by_role("button", name=re.compile("Fluchttür geöffnet")).click()
    looks_sound("Alarm ohne Ereignis")
    quiet.tell("panic.silent", "017")
    quiet.tell("panic.silent", "018")
    expect(band(page).get_by_role("listitem")).to_have_count(1)
    looks_sound("P1")
    page.keyboard.press("/")
    page.keyboard.type("d er")
    looks_sound("Vorschläge")
    page.keyboard.press("Control+A")
    page.keyboard.type("?")
    page.keyboard.press("Enter")
    looks_sound("Hilfe")
    page.keyboard.type("n x")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Ort")).to_be_focused()
    looks_sound("Meldung")
