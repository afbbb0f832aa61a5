import json
import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.local.state import LocalError, PortTaken, State, default_folder, is_free, write_atomically


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_and_secrets_are_closed_to_everybody_else(folder: Path) -> None:
    state = State.open(folder)
    state.secret("postgres")

    assert mode(folder) == 0o700
    assert mode(folder / "streife.json") == 0o600
    assert mode(state.subfolder("logs")) == 0o700


def test_a_folder_that_was_opened_up_is_closed_again(state: State) -> None:
    state.folder.chmod(0o755)

    State.open(state.folder)

    assert mode(state.folder) == (0o710 if os.geteuid() == 0 else 0o700)


def test_a_secret_is_long_stays_and_differs_between_names_and_folders(state: State, folder: Path) -> None:
    other = State.open(folder.with_name("other"))

    assert len(state.secret("a")) >= 43
    assert state.secret("a") == State.open(folder).secret("a")
    assert len({state.secret("a"), state.secret("b"), other.secret("a"), other.secret("b")}) == 4


def test_many_who_ask_at_once_for_a_new_secret_get_the_same(folder: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: State.open(folder).secret("cookie"), range(64)))

    assert {State.open(folder).secret("cookie")} == secrets


def test_a_folder_with_somebody_elses_files_is_refused_untouched(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    (folder / "brief.odt").write_text("Sehr geehrte Damen und Herren")

    with pytest.raises(LocalError, match="andere Dateien"):
        State.open(folder)

    assert [path.name for path in folder.iterdir()] == ["brief.odt"]
    assert mode(folder) == 0o755


def test_a_fresh_disk_with_its_lost_and_found_is_taken(folder: Path) -> None:
    (folder / "lost+found").mkdir(parents=True)

    assert State.open(folder).secret("a")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_accounts_folder_is_refused(state: State) -> None:
    os.chown(state.folder, 65534, 65534)

    with pytest.raises(LocalError, match="gehört einem anderen Konto"):
        State.open(state.folder)


def test_a_file_in_the_place_of_the_folder_is_explained(folder: Path) -> None:
    folder.write_text("")

    with pytest.raises(LocalError, match="kann nicht benutzt werden"):
        State.open(folder)


def test_a_file_is_replaced_whole_or_not_at_all(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    state.remember("port", "8080")

    def power_cut(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(Path, "rename", power_cut)
    with pytest.raises(OSError, match="power cut"):
        state.remember("port", "9090")

    assert state.recall("port") == "8080"
    json.loads((state.folder / "streife.json").read_bytes())


def test_a_written_file_has_only_our_rights_whatever_the_umask(state: State) -> None:
    before = os.umask(0)
    try:
        write_atomically(state.folder / "x", b"content")
    finally:
        os.umask(before)

    assert mode(state.folder / "x") == 0o600


def test_the_first_port_is_free_and_remembered(state: State) -> None:
    port = state.port()

    assert is_free(port)
    assert port == State.open(state.folder).port()


def test_a_remembered_port_that_is_taken_is_said_and_not_changed(state: State) -> None:
    port = state.port()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(PortTaken, match=f"Port {port} .* --port"):
            state.port()
        other = State.open(state.folder.with_name("other")).port()

    assert other > port
    assert port == state.port()


def test_a_port_that_a_person_chose_is_remembered_instead(state: State) -> None:
    state.port()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        chosen = listener.getsockname()[1]
        with pytest.raises(PortTaken):
            state.port(chosen)
        assert str(chosen) != state.recall("port")

    assert chosen == state.port(chosen) == state.port()


def test_a_host_that_is_not_ours_is_explained(state: State) -> None:
    with pytest.raises(LocalError, match="kann nicht gelauscht werden"):
        state.port(host="192.0.2.1")  # TEST-NET-1, RFC 5737


def test_only_one_holds_the_lock(state: State) -> None:
    with state.lock() as first, state.lock() as second:
        assert (first, second) == (True, False)
    with state.lock() as third:
        assert third


def test_root_and_users_have_their_own_default(tmp_path: Path) -> None:
    assert Path("/var/lib/streife") == default_folder({}, is_root=True)
    assert tmp_path / "streife" == default_folder({"XDG_DATA_HOME": str(tmp_path)}, is_root=False)
    assert Path.home() / ".local/share/streife" == default_folder({"XDG_DATA_HOME": "relative"}, is_root=False)


def test_a_cleared_folder_can_be_used_again(state: State) -> None:
    before = state.secret("a")
    (state.subfolder("postgres") / "PG_VERSION").write_text("18")
    with state.lock():
        state.clear()

    assert before != State.open(state.folder).secret("a")
    assert not (state.folder / "postgres").exists()
