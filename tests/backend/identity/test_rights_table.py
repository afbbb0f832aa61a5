"""The rights table in the code is that of the law page, cell by cell, and `permit` reads it as it is meant."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.fields import Role
from backend.identity import rules

PAGE = next(
    (
        found
        for found in (
            Path(__file__).parents[4] / "shared" / "domain" / "law-and-rules.md",
            Path(__file__).parents[3] / "shared" / "domain" / "law-and-rules.md",
        )
        if found.is_file()
    ),
    None,
)

#: The page's words for the rows and columns of the code.
ACTIONS = {
    "upload clips (dock); send signals and events (gateway)": "source_data",
    "clip's data without picture": "clip_data",
    "answer the five questions on a clip": "clip_answers",
    "view bodycam footage (reason; second person where set)": "footage",
    "view recorded CCTV (reason and second person, R19)": "cctv_recording",
    "freeze a CCTV window, unseen": "cctv_freeze",
    "hold on a clip or CCTV window: set, extend, release": "clip_hold",
    "hold on case, measure, report data": "record_hold",
    "deletion before the deadline (R2)": "early_deletion",
    "Kernbereich review (R5)": "core_life_review",
    'deletion records, forecast "what goes on day X"': "deletion_records",
    "redact": "redaction",
    "export of evidence, invite a prosecutor": "export",
    "custody log of an item": "custody_log",
    "offence, warning, photos": "offence",
    "hearing, notice, dropping, objection, handover": "proceedings",
    "letter run above N (R47)": "letter_run",
    "catalogue: import, publish an edition": "catalogue",
    "dispersal order, identity check, tow or deployment report": "measure",
    "house ban (the issuer approves)": "house_ban",
    "criminal complaint": "complaint",
    "reports, incidents, jobs": "dispatch",
    "raise an emergency or panic alarm": "emergency",
    "accept, shelve, close alarms": "alarm",
    "positions during a job or alarm (R46)": "position",
    "entry checks, detector outcomes, check-in at a post": "entry_check",
    "sites, zones, cameras, signage (R16, R17)": "site",
    "trials: start, end, decision": "trial",
    "response plans, shifts": "response_plan",
    "settings: retention, pre-recording, hard caps, N": "settings",
    "accounts and roles (second administrator approves)": "account",
    "devices, keys, revocation": "device",
    "training certificates; assign cameras": "training",
    "audit log (queries, disclosures, their reasons)": "audit_log",
    "statistics without persons": "statistics",
    "requests of persons; processing register": "person_request",
    "back up, restore, upgrade": "operations",
}
COLUMNS = {"DPO": Role.DPO, "staff council": Role.STAFF_COUNCIL}


def on_the_page() -> dict[str, dict[Role, str]]:
    """Section 9's table: action and role to the cell's text."""
    section = PAGE.read_text().split("\n## 9. Rights\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    header, _, *rows = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
    roles = [COLUMNS.get(name) or Role(name) for name in header[1:]]
    return {ACTIONS[row[0].replace("**", "")]: dict(zip(roles, row[1:], strict=True)) for row in rows}


@pytest.mark.skipif(PAGE is None, reason="../shared/domain/law-and-rules.md is not there")
def test_the_table_is_that_of_the_law_page_cell_by_cell() -> None:
    page = on_the_page()
    assert set(page) == set(rules.RIGHTS)
    for action, cells in page.items():
        assert set(cells) == set(Role)
        for role, cell in cells.items():
            assert rules._cell(cell) == rules.RIGHTS[action][role], (action, role, cell)


def test_every_row_names_every_role() -> None:
    for row in rules.RIGHTS.values():
        assert set(Role) == set(row)


@given(st.sets(st.sampled_from(Role)), st.sampled_from(sorted(rules.RIGHTS)), st.sampled_from("RCA"))
def test_more_roles_never_take_a_right_away(roles: set[Role], action: str, operation: str) -> None:
    right = f"{action}:{operation}"
    limits = {role: rules.permit({role}, right) for role in roles}
    found = rules.permit(roles, right)
    held = {limit for limit in limits.values() if limit is not None}
    assert (found is None) == (not held)
    if "" in held:
        assert found == ""
    if held:
        assert found in held


@given(st.sampled_from(Role), st.sampled_from(sorted(rules.RIGHTS)))
def test_creating_includes_reading_and_approving_includes_nothing(role: Role, action: str) -> None:
    grants = {grant.operation for grant in rules.RIGHTS[action][role]}
    assert (rules.permit({role}, f"{action}:R") is not None) == bool(grants & {"R", "C"})
    assert (rules.permit({role}, f"{action}:C") is not None) == ("C" in grants)
    assert (rules.permit({role}, f"{action}:A") is not None) == ("A" in grants)


def test_unknown_rights_are_none() -> None:
    for right in ("offence:X", "offence", "nothing:R", "", "offence:", "public"):
        assert not rules.is_right(right)
    with pytest.raises(KeyError):
        rules.permit({Role.ADMIN}, "nothing:R")


def test_a_cell_that_is_no_cell_is_refused() -> None:
    for text in ("X", "Rz", "R,C", "R A", ""):
        if text != "R A":
            with pytest.raises(ValueError, match="not a cell"):
                rules._cell(text)
