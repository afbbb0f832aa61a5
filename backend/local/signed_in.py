"""A person at the API: signed in by a cookie, as a browser is."""

from typing import Any

import httpx

from backend.local.state import LocalError


class SignedIn:
    """One account's session on one server. Used by one thread."""

    def __init__(self, address: str, town: str, login: str, password: str) -> None:
        """Signs in.

        Raises:
            LocalError: the server does not let this account in.
            httpx.TransportError: it is not there.
        """
        self._http = httpx.Client(base_url=address, timeout=30)
        self.me = self.post("/v1/session", {"town": town, "login": login, "password": password})

    def get(self, path: str, **query: Any) -> Any:
        """The answer's JSON."""
        return self._read(self._http.get(path, params=query))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer's JSON."""
        return self._read(self._http.post(path, json=body) if body is not None else self._http.post(path))

    def fetch(self, path: str) -> bytes:
        """The answer's bytes."""
        answer = self._http.get(path)
        self._check(answer)
        return answer.content

    def close(self) -> None:
        """No connection is left open; the session stays until it ends by itself."""
        self._http.close()

    def _read(self, answer: httpx.Response) -> Any:
        self._check(answer)
        return answer.json() if answer.content else None

    def _check(self, answer: httpx.Response) -> None:
        if answer.status_code >= 400:
            what = f"{answer.request.method} {answer.request.url.path}"
            raise LocalError(f"Der Server lehnt {what} ab: {answer.status_code} {answer.text[:300]}")
