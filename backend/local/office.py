"""The office's side of a replay, over the public API: accounts with a second approval, codes, and what was stored."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx
import msgspec

from backend.identity.wire import Enrolment, Grant, Person
from backend.local.state import LocalError
from backend.offences.wire import OffenceLine, OffencePage
from sync.errors import NetworkFailure

T = TypeVar("T")
#: Between two tries at a server that is away.
PAUSE_S: Final = 0.3


class Office:
    """Signed in as two administrators, for a role needs a second person. Waits for a server that is away."""

    def __init__(
        self, address: str, slug: str, administrators: tuple[tuple[str, str], ...], *, patience_s: float
    ) -> None:
        """Signs both in.

        Raises:
            LocalError: fewer than two administrators, or the server does not let one in.
        """
        if len(administrators) < 2:
            raise LocalError("Nötig sind zwei Administrationen: --admin KENNUNG:PASSWORT zweimal angeben.")
        self.address = address
        self._slug = slug
        self._patience_s = patience_s
        self._first, self._second = (self._signed_in(login, password) for login, password in administrators[:2])
        self._people: dict[str, Person] | None = None

    def officer(self, login: str, password: str) -> UUID:
        """The officer's account, made if there is none."""
        return self._person(login, password, "officer")

    def enrolment_code(self, label: str) -> str:
        """A new code for a phone."""
        body = {"kind": "phone", "label": label}
        return self._send(self._first, "POST", "/v1/enrolments", Enrolment, json=body).code

    def offences(self, people: set[str]) -> list[OffenceLine]:
        """Every offence on the server that these people recorded, read page by page as a clerk."""
        login, password = "probe-clerk", "nur für den Vergleich 1"
        self._person(login, password, "clerk")
        clerk = self._signed_in(login, password)
        found, after = [], None
        while True:
            query = {"limit": 200} | ({"after": after} if after else {})
            page = self._send(clerk, "GET", "/v1/offences", OffencePage, params=query)
            found += [one for one in page.offences if str(one.by) in people]
            after = page.after
            if after is None:
                return found

    def patiently(self, what: Callable[[], T]) -> T:
        """The result, as soon as the server is there.

        Raises:
            LocalError: it did not come back in time, or refuses.
        """
        until = time.monotonic() + self._patience_s
        while True:
            try:
                return what()
            except (httpx.TransportError, NetworkFailure) as error:
                if time.monotonic() > until:
                    raise LocalError(f"Der Server {self.address} antwortet nicht.") from error
                time.sleep(PAUSE_S)

    def _person(self, login: str, password: str, role: str) -> UUID:
        people = {one.login: one for one in self._send(self._first, "GET", "/v1/people", list[Person])}
        person = people.get(login)
        if person is None:
            body = {"login": login, "name": login, "call_sign": login, "password": password}
            person = self._send(self._first, "POST", "/v1/people", Person, json=body)
        if role not in person.roles:
            grant = self._send(self._first, "POST", f"/v1/people/{person.id}/grants", Grant, json={"role": role})
            self._send(self._second, "POST", f"/v1/grants/{grant.id}/approve", Grant)
        return person.id

    def _signed_in(self, login: str, password: str) -> httpx.Client:
        http = httpx.Client(base_url=self.address, timeout=30)
        body = {"login": login, "password": password, "town": self._slug}
        self._send(http, "POST", "/v1/session", dict[str, Any], json=body)
        return http

    def _send(self, http: httpx.Client, method: str, path: str, expected: type[T], **arguments: Any) -> T:
        def once() -> httpx.Response:
            answer = http.request(method, path, **arguments)
            if answer.status_code >= 500:
                raise NetworkFailure(f"status {answer.status_code}")
            return answer

        answer = self.patiently(once)
        if answer.status_code >= 400:
            raise LocalError(f"Der Server lehnt {method} {path} ab: {answer.status_code} {answer.text[:300]}")
        return msgspec.json.decode(answer.content, type=expected)
