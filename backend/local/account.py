"""The account that PostgreSQL runs as. It refuses root, so root lends it one without rights."""

import grp
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from backend.local.state import LocalError

CREATED: Final = "streife"


@dataclass(frozen=True)
class Account:
    """A user of this machine and its first group."""

    name: str
    uid: int
    gid: int

    @classmethod
    def for_data(cls, data: Path) -> Self:
        """The account that the data belong to; for new data our own or, if we are root, `postgres` or `streife`.

        Raises:
            LocalError: the data belong to somebody else, or no account can be made.
        """
        if data.exists():
            owner = data.stat().st_uid
            if os.geteuid() in (0, owner) and owner != 0:
                return cls._of(_entry(owner))
            raise LocalError(f"Die Daten in {data} gehören einem anderen Konto (Nummer {owner}).")
        if os.geteuid() != 0:
            return cls._of(_entry(os.geteuid()))
        for name in ("postgres", CREATED):
            try:
                return cls._of(pwd.getpwnam(name))
            except KeyError:
                continue
        _create()
        return cls._of(pwd.getpwnam(CREATED))

    @classmethod
    def _of(cls, entry: pwd.struct_passwd) -> Self:
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @property
    def is_us(self) -> bool:
        """Whether this process already runs as this account."""
        return self.uid == os.geteuid()

    def drop(self) -> dict[str, Any]:
        """Arguments of `subprocess` by which a child runs as this account, without a single right of root."""
        return {} if self.is_us else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """The file or folder belongs to this account; its rights are as before."""
        if not self.is_us:
            os.chown(path, self.uid, self.gid)

    def let_through(self, state: Path) -> None:
        """The account can pass through the state folder, and still not list it.

        Raises:
            LocalError: a folder above is closed to the account; nothing was changed.
        """
        if self.is_us:
            return
        for folder in state.parents:
            if not self._may_pass(folder):
                raise LocalError(
                    f"Der Ordner {state} liegt in {folder}, und dort kommt das Konto »{self.name}« nicht hinein, "
                    "mit dem die Datenbank läuft (PostgreSQL läuft nie als root). Wählen Sie mit --state einen "
                    "anderen Ordner, zum Beispiel /var/lib/streife, oder starten Sie ohne root."
                )
        os.chown(state, os.geteuid(), self.gid)
        state.chmod(0o710)

    def _may_pass(self, folder: Path) -> bool:
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == self.gid else stat.S_IXOTH))


def _entry(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as error:
        # A container may run as a bare number; initdb refuses that, so say it before.
        raise LocalError(
            f"Das Konto mit der Nummer {uid} hat keinen Namen auf diesem Rechner. PostgreSQL verlangt einen Eintrag "
            "in /etc/passwd."
        ) from error


def _create() -> None:
    command = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if command is None:
        raise LocalError(f"Legen Sie ein Konto »{CREATED}« ohne Rechte an: als root läuft PostgreSQL nicht.")
    group = ["--gid", CREATED] if any(entry.gr_name == CREATED for entry in grp.getgrall()) else ["--user-group"]
    made = subprocess.run(  # noqa: S603
        [command, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", *group, CREATED],
        check=False,
        capture_output=True,
        text=True,
    )
    # 9: somebody else made it in the meantime.
    if made.returncode not in (0, 9):
        raise LocalError(f"Das Konto »{CREATED}« ließ sich nicht anlegen: {made.stderr.strip()}")
