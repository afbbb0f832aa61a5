"""Clips in a real browser: five answers, holds, footage behind a reason, an export with two people."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Download, expect

from backend.fields import Role, uuid7
from sync.entry import format_instant
from tests.backend.web.conftest import THEMES, Screen, Screens, Town
from tests.backend.web.desk import Desk
from tests.backend.web.evidence import Custody, film
from tests.backend.world import Person

pytestmark = pytest.mark.slow

KEEP = {"ground": "regulatory_offence", "case_reference": "OWI-2026-0412"}


@pytest.fixture(scope="session")
def custody(town: Town) -> Custody:
    return Custody(town, Desk(town))


def window(screens: Screens, person: Person, theme: str = "light") -> Screen:
    screen = screens.new(theme)
    screen.sign_in(person.login)
    return screen


def clip(custody: Custody, id: object, person: Person | None = None) -> dict:
    answer = custody.world.http.get(f"/v1/clips/{id}", headers=(person or custody.custodian).headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_officer_answers_the_five_questions_by_keyboard_and_the_clip_is_held(
    screens: Screens, custody: Custody
) -> None:
    page = window(screens, custody.officer).page
    id_ = custody.clip(duration_ms=161_000)
    card = page.get_by_role("article").first
    expect(card).to_contain_text("2:41 min")
    card.get_by_role("button", name="Antworten speichern").click()
    expect(page.get_by_role("alert")).to_contain_text("Bitte alle fünf Fragen beantworten.")

    keys = page.keyboard
    card.get_by_role("radio", name=re.compile("Gefahr für Einsatzkräfte")).focus()
    keys.press("Space")
    keys.press("Tab")
    keys.type("Erhobene Flasche")
    keys.press("Tab")
    keys.press("ArrowDown")  # of the places the second
    keys.press("ArrowUp")
    keys.press("Tab")
    keys.press("Space")
    keys.press("Tab")
    keys.press("Space")
    keys.press("Tab")
    keys.press("ArrowDown")
    keys.press("Tab")
    keys.press("Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Für die Löschsperre fehlt das Aktenzeichen")
    expect(alert).to_be_focused()  # it takes the focus once it is painted
    number = card.get_by_label("Aktenzeichen, oder Einsatznummer")
    number.fill("OW-26-03977")
    expect(number).to_have_value("OW-26-03977")
    number.press("Enter")

    done = page.get_by_role("listitem").filter(has_text="2:41 min")
    expect(done).to_contain_text("Löschsperre: bleibt")
    kept = clip(custody, id_)
    assert ("public", "Erhobene Flasche") == (kept["answers"]["place_kind"], kept["answers"]["facts"])
    assert ["OW-26-03977"] == [hold["case_reference"] for hold in kept["holds"]]


def test_a_dwelling_needs_its_own_answers_and_the_form_says_which(screens: Screens, custody: Custody) -> None:
    page = window(screens, custody.officer).page
    custody.clip()
    card = page.get_by_role("article").first
    for value in ("protect_officer", "dwelling", "announced", "wearer", "no"):
        card.locator(f"input[value={value}]").first.check()
    card.get_by_label("Tatsachen").fill("Hilferufe aus der Wohnung")
    card.get_by_role("button", name="Antworten speichern").click()
    alert = page.get_by_role("alert")
    expect(alert).to_be_focused()
    expect(alert).to_contain_text("In einer Wohnung entscheidet die Einsatzleitung")
    expect(alert).to_contain_text("nur bei dringender Gefahr")
    card.get_by_label("Dringende Gefahr für Leib oder Leben").check()
    card.get_by_role("radio", name=re.compile("^Einsatzleitung")).check()
    card.get_by_label("Wer hatte die Einsatzleitung?").fill("EL 1")
    card.get_by_role("button", name="Antworten speichern").click()
    expect(page.get_by_text("Eingestuft: Wohnung").first).to_be_visible()


def test_a_new_clip_appears_in_the_custodians_list_by_itself_with_deadline_and_rule(
    screens: Screens, custody: Custody
) -> None:
    screen = window(screens, custody.custodian)
    expect(screen.page.get_by_role("heading", level=1, name="Clips")).to_be_visible()
    custody.clip(duration_ms=1_919_000)
    row = screen.row("31:59")
    expect(row).to_contain_text("in 14\u00a0Tagen")
    expect(row).to_contain_text("§\u00a015c PolG")
    expect(row).to_contain_text("nicht eingestuft")
    expect(row).to_contain_text("ungewöhnlich lang")


def test_a_gap_is_listed(screens: Screens, custody: Custody) -> None:
    custody.dock.send("clip.gap", {"camera": "cam-1", "first": 70, "last": 72, "cause": "overwritten"})
    page = window(screens, custody.custodian).page
    gaps = page.get_by_role("region", name="Lücken")
    expect(gaps).to_contain_text("70 bis 72")
    expect(gaps).to_contain_text("überschrieben")


def test_a_hold_is_set_with_its_review_and_lifted_with_a_reason(screens: Screens, custody: Custody) -> None:
    id_ = custody.answered()
    screen = window(screens, custody.custodian)
    screen.page.goto(f"{custody.town.running.address}/#clips?id={id_}")
    holds = screen.page.get_by_role("region", name="Löschsperren")
    expect(holds).to_contain_text("Keine.")
    holds.get_by_role("button", name="Löschsperre setzen …").click()
    holds.get_by_label("Grund").select_option("criminal_offence")
    holds.get_by_label("Aktenzeichen").fill("120 Js 7/26")
    holds.get_by_role("button", name="Löschsperre setzen", exact=True).click()
    expect(holds).to_contain_text("120 Js 7/26")
    expect(screen.page.get_by_role("region", name="Frist")).to_contain_text("gesperrt")
    expect(screen.page.get_by_role("region", name="Verwahrkette")).to_contain_text("Löschsperre gesetzt")
    assert clip(custody, id_)["line"]["is_held"]

    holds.get_by_role("button", name="Aufheben …").click()
    holds.get_by_label("Warum wird die Sperre aufgehoben?").fill("Verfahren eingestellt")
    holds.get_by_role("button", name="Löschsperre aufheben").click()
    expect(holds).to_contain_text("aufgehoben")
    expect(screen.page.get_by_role("region", name="Frist")).to_contain_text("in 14\u00a0Tagen")
    assert not clip(custody, id_)["line"]["is_held"]


def test_footage_plays_only_after_a_reason_which_stands_in_the_custody_log(screens: Screens, custody: Custody) -> None:
    id_ = custody.answered(film())
    page = window(screens, custody.custodian).page
    page.goto(f"{custody.town.running.address}/#clips?id={id_}")
    expect(page.get_by_text("Wiedergabe gesperrt")).to_be_visible()
    page.get_by_role("button", name="Grund festhalten und ansehen").click()
    expect(page.get_by_role("alert").filter(has_text="Bitte den Grund")).to_be_visible()
    expect(page.locator("video")).to_have_count(0)
    page.get_by_label("Grund in einem Satz").fill("Abgleich mit der Äußerung")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('video')?.videoWidth === 160")
    custody_log = page.get_by_role("region", name="Verwahrkette")
    expect(custody_log).to_contain_text("Angesehen")
    expect(custody_log).to_contain_text("Abgleich mit der Äußerung")


def test_a_dwellings_clip_is_reviewed_and_then_plays_once_a_second_person_agreed(
    screens: Screens, custody: Custody
) -> None:
    id_ = custody.answered(
        film(),
        place_kind="dwelling",
        decided_by="officer_in_charge",
        decider="Einsatzleitung Muster",
        is_urgent_danger=True,
    )
    first = window(screens, custody.custodian).page
    first.goto(f"{custody.town.running.address}/#clips?id={id_}")
    first.get_by_role("button", name="Geprüft: kein Kernbereich").click()
    expect(first.get_by_role("button", name="Geprüft: kein Kernbereich")).to_have_count(0)
    first.get_by_label("Grund in einem Satz").fill("Strafanzeige wegen Widerstands")
    first.keyboard.press("Enter")
    expect(first.get_by_text("Es fehlt die Zustimmung der zweiten Person")).to_be_visible()
    expect(first.locator("video")).to_have_count(0)

    second = window(screens, custody.second).page
    second.get_by_role("link", name="Clips").click()
    asked = second.get_by_role("main").locator(".st-ask")
    expect(asked).to_contain_text("um Zustimmung zur Ansicht")
    asked.get_by_role("button").click()
    expect(second.get_by_role("region", name="Verwahrkette")).to_contain_text("Strafanzeige wegen Widerstands")
    second.get_by_role("button", name="Der Ansicht zustimmen").click()
    expect(second.get_by_text("Zugestimmt.")).to_be_visible()
    first.wait_for_function("() => document.querySelector('video')?.videoWidth === 160")


def test_a_clip_of_professional_secrecy_is_never_opened(screens: Screens, custody: Custody) -> None:
    id_ = custody.answered(place_kind="professional_secrecy")
    page = window(screens, custody.custodian).page
    page.goto(f"{custody.town.running.address}/#clips?id={id_}")
    expect(page.get_by_text("Quarantäne: niemand sieht diese Aufnahme an")).to_be_visible()
    expect(page.get_by_role("button", name="Grund festhalten und ansehen")).to_have_count(0)


def test_a_superior_sees_that_a_clip_exists_and_opens_none(screens: Screens, custody: Custody) -> None:
    id_ = custody.answered()
    page = window(screens, custody.superior).page
    page.goto(f"{custody.town.running.address}/#clips?id={id_}")
    expect(page.get_by_text("Ihre Rolle sieht, dass es die Aufnahme gibt")).to_be_visible()
    expect(page.get_by_role("button", name="Löschsperre setzen …")).to_have_count(0)


def test_an_export_is_asked_for_by_one_approved_by_another_and_downloaded(screens: Screens, custody: Custody) -> None:
    custody.answered(film(), keep={"ground": "criminal_offence", "case_reference": "120 Js 88/26"})
    page = window(screens, custody.custodian).page
    page.get_by_role("navigation").get_by_role("link", name="Export").click()
    page.get_by_role("button", name="Ausgabe beantragen …").click()
    page.get_by_role("button", name="Ausgabe beantragen", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("mindestens einen Clip")
    page.get_by_label("Aktenzeichen").fill("120 Js 88/26")
    page.get_by_label("Empfänger").fill("Staatsanwaltschaft Grafenrath")
    page.get_by_label("Grund der Ausgabe").fill("Verfahren wegen Widerstands")
    page.get_by_role("checkbox", name=re.compile("Bodycam · Löschsperre")).first.check()
    page.get_by_role("button", name="Ausgabe beantragen", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="wartet auf die Freigabe")).to_be_visible()
    expect(page.get_by_role("button", name="Ausgabe freigeben")).to_have_count(0)

    second = window(screens, custody.second).page
    second.get_by_role("navigation").get_by_role("link", name="Export 1").click()
    expect(second.locator("tbody tr").first).to_contain_text("wartet auf Ihre Freigabe")
    second.get_by_role("button", name="Staatsanwaltschaft Grafenrath").click()
    second.get_by_role("button", name="Ausgabe freigeben").click()
    expect(second.get_by_role("status").filter(has_text="freigegeben")).to_be_visible()

    link = page.get_by_role("link", name="Paket herunterladen")
    expect(link).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        link.click()
    assert_is_zip(download.value)
    expect(page.get_by_text("Heruntergeladen")).to_be_visible()
    expect(page.get_by_text("Fingerabdruck")).to_be_visible()


def assert_is_zip(download: Download) -> None:
    assert b"PK" == Path(download.path()).read_bytes()[:2]


def test_the_control_room_sees_that_clips_exist_and_are_held_and_no_more(screens: Screens, custody: Custody) -> None:
    desk = custody.desk
    dispatcher = custody.world.person(Role.DISPATCHER)
    unit = desk.post("/v1/units", id=str(uuid7()), call_sign="Erle 31", mode="foot")["id"]
    desk.post(f"/v1/units/{unit}/shifts", id=str(uuid7()), person=str(custody.officer.id))
    incident = desk.incident("dispute", "Hafenstraße 4")["id"]
    page = window(screens, dispatcher, "dark").page
    page.get_by_role("button", name=re.compile("Hafenstraße 4")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hafenstraße 4")
    expect(page.get_by_role("heading", name="Bodycam")).to_have_count(0)
    desk.post("/v1/jobs", id=str(uuid7()), incident=incident, unit=unit)
    custody.answered(started_at=format_instant(datetime.now(UTC)), keep=KEEP)
    custody.clip(started_at=format_instant(datetime.now(UTC)))
    counts = desk.house.get(f"/v1/incidents/{incident}/clips", dispatcher)
    assert counts["clips"] > counts["held"] > 0, counts
    said = f"{counts['clips']} Aufnahmen vorhanden, {counts['held']} davon gesichert."
    expect(page.get_by_text(f"{said} Einsicht nur über die Beweismittelstelle.")).to_be_visible(timeout=20_000)
    assert "cam-1" not in page.content()
    desk.clear()


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_any_page_about_clips(
    screens: Screens, custody: Custody, node_modules: Path, theme: str
) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")

    def looks_sound(screen: Screen, where: str) -> None:
        screen.page.evaluate(axe)
        found = screen.page.evaluate("axe.run().then(one => one.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
        assert [] == found, where
        assert screen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{where} is too wide"

    custody.clip()
    held = custody.answered(keep={"ground": "criminal_offence", "case_reference": "120 Js 1/26"})
    officer = window(screens, custody.officer, theme)
    expect(officer.page.get_by_role("article").first).to_be_visible()
    officer.page.locator("input[value=dwelling]").first.check()
    looks_sound(officer, "Meine Clips")
    officer.page.locator("input[value=criminal_offence]").first.check()
    officer.page.set_viewport_size({"width": 360, "height": 740})
    looks_sound(officer, "Meine Clips am Telefon")
    custodian = window(screens, custody.custodian, theme)
    expect(custodian.page.locator("tbody tr").first).to_be_visible()
    looks_sound(custodian, "Clips")
    custodian.page.goto(f"{custody.town.running.address}/#clips?id={held}")
    custodian.page.get_by_role("button", name="Löschsperre setzen …").click()
    custodian.page.get_by_role("button", name="Aufheben …").click()
    looks_sound(custodian, "Clip")
    custodian.page.get_by_role("navigation").get_by_role("link", name="Export").click()
    looks_sound(custodian, "Ausgaben")
    custodian.page.get_by_role("button", name="Ausgabe beantragen …").click()
    expect(custodian.page.get_by_role("group", name=re.compile("Clips"))).to_be_visible()
    looks_sound(custodian, "Export")


def test_staff_without_clips_see_no_such_area(screens: Screens, town: Town) -> None:
    town.person("sb-14", "Sachbearbeitung SB-14", Role.CLERK)
    screen = screens.new()
    screen.sign_in("sb-14")
    expect(screen.page.get_by_role("navigation").get_by_role("link", name="Clips")).to_have_count(0)
