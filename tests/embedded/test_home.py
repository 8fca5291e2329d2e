from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from leadagent_prefect.embedded.home import ServerHome, read_private, write_private
from leadagent_prefect.embedded.secrets_at_rest import encryption_key
from leadagent_prefect.errors import PrefectUnavailable


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_home_is_below_the_users_folder_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFECT_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ServerHome.current().folder == tmp_path / ".prefect" / "leadagent"


def test_folders_are_made_for_their_owner_alone(home: ServerHome) -> None:
    home.create()
    assert (mode(home.prefect_home), mode(home.folder)) == (0o700, 0o700)


def test_a_folder_the_user_made_keeps_its_bits(home: ServerHome) -> None:
    home.prefect_home.mkdir(mode=0o755)
    home.create()
    assert (mode(home.prefect_home), mode(home.folder)) == (0o755, 0o700)


def test_a_home_that_is_a_file_is_reported_with_what_to_do(home: ServerHome) -> None:
    home.prefect_home.write_text("")
    with pytest.raises(PrefectUnavailable, match=r"leadagent: .*\. Set PREFECT_HOME to a folder of your own"):
        home.create()


def test_a_folder_of_somebody_else_is_reported(home: ServerHome) -> None:
    # Bits do not bind the superuser, a link to nowhere does.
    home.prefect_home.mkdir()
    home.folder.symlink_to("/nowhere/at/all")
    with pytest.raises(PrefectUnavailable, match="it belongs to somebody else"):
        ServerHome.current()
    home.folder.unlink()


def test_the_auth_string_is_made_once_and_for_its_owner_alone(home: ServerHome) -> None:
    home.create()
    assert home.auth_string() is None
    made = home.make_auth_string()
    user, _, password = made.partition(":")
    assert (user, len(password)) == ("leadagent", 43)
    assert mode(home.auth_file) == 0o600
    assert [home.make_auth_string(), home.auth_string()] == [made, made]


def test_a_secret_file_that_was_opened_up_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, "x")
    path.chmod(0o644)
    assert read_private(path) == "x"
    assert mode(path) == 0o600


def test_an_empty_secret_file_counts_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    assert read_private(path) is None


def test_the_encryption_key_is_made_once(home: ServerHome) -> None:
    home.create()
    key = encryption_key(home)
    assert encryption_key(home) == key
    assert mode(home.key_file) == 0o600
    from cryptography.fernet import Fernet

    assert Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x"


@pytest.mark.parametrize(
    ("rows", "expected"), [([("ENCRYPTION_KEY", '{"fernet_key": "theirs"}')], "theirs"), ([], None)]
)
def test_a_key_that_the_database_uses_already_is_taken_over(
    home: ServerHome, rows: list[tuple[str, str]], expected: str | None
) -> None:
    home.create()
    with closing(sqlite3.connect(home.database)) as database:
        database.execute("CREATE TABLE configuration (key TEXT, value TEXT)")
        database.executemany("INSERT INTO configuration VALUES (?, ?)", rows)
        database.commit()
    key = encryption_key(home)
    assert (key if expected else None) == expected
    assert read_private(home.key_file) == key


def test_a_database_without_tables_has_no_key(home: ServerHome) -> None:
    home.create()
    home.database.touch()
    assert len(encryption_key(home)) == 44


def test_secrets_are_never_half_written(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, "old")
    write_private(path, "new")
    assert list(tmp_path.iterdir()) == [path]
    assert read_private(path) == "new"
