"""A source's lease: the token that every other request carries (design/sync.md 2.5)."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from sync import keys
from sync.enrolment import Lease, LeaseRefused, LeaseRequest
from sync.entry import base64url
from sync.errors import NetworkFailure, Refused, SourceRevoked, Unauthorized
from sync.journal import Journal
from sync.server import Server, decode


class Session:
    """Requests of one source, each with a token that is good; leases are taken when they are needed."""

    def __init__(
        self,
        server: Server,
        journal: Journal,
        key: keys.SourceKey,
        *,
        clock: Callable[[], datetime],
        take_lease: Callable[[], Lease] | None = None,
    ) -> None:
        """Sends nothing yet. `take_lease` gets a new lease; by default the key alone does (docks and gateways)."""
        self.key = key
        self._server = server
        self._journal = journal
        self._clock = clock
        self._take_lease = take_lease or self._lease_by_key
        self._lease: Lease | None = None

    def lease(self) -> Lease:
        """A new lease, in use from now on; its token names this source to every other interface too.

        Raises:
            NetworkFailure: no lease now; the old one may still be good.
            SourceRevoked: the journal is locked, pulled rows are erased.
            Refused: the server does not take the signature.
        """
        try:
            self._lease = self._take_lease()
        except (NetworkFailure, Unauthorized) as error:
            # It says nothing about the entries that wait for this lease, so it is not counted.
            wait_s = error.wait_s if isinstance(error, NetworkFailure) else None
            raise NetworkFailure(f"no lease: {error}", wait_s=wait_s) from error
        return self._lease

    def token(self) -> str:
        """The token in use, a new one where there is none. That a lease has ended only the server can say: with a 401.

        A clock that is wrong by days must cost nothing here.
        """
        return self.lease().token if self._lease is None else self._lease.token

    def forget(self) -> None:
        """The next request takes a new lease."""
        self._lease = None

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        """As `Server.send`, with the token; a token that is not taken is renewed once."""
        for token in (self.token, lambda: self.lease().token):
            bearer = {"Authorization": f"Bearer {token()}", **(headers or {})}
            try:
                return self._server.send(method, path, body, headers=bearer, params=params)
            except Unauthorized:
                continue
        raise NetworkFailure("a new lease is not taken either")

    def _lease_by_key(self) -> Lease:
        state = self._journal.state()
        now = self._journal.lease_instant(self._clock())
        signature = self.key.sign(keys.lease_input(state.source, state.incarnation, now))
        request = LeaseRequest(incarnation=state.incarnation, now=now, signature=base64url(signature))
        try:
            body = self._server.send("POST", f"/v1/sources/{state.source}/lease", msgspec.json.encode(request))
        except Refused as error:
            self._heed_refused_lease(error)
            raise
        return decode(body, Lease)

    def _heed_refused_lease(self, error: Refused) -> None:
        try:
            refused = msgspec.json.decode(error.body, type=LeaseRefused)
        except msgspec.DecodeError:
            return
        if refused.stop.code == "revoked":
            since, reason = refused.stop.since or "", refused.stop.reason or ""
            self._journal.revoke(since, reason)
            raise SourceRevoked(since, reason) from error
