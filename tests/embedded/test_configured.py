from __future__ import annotations

from pathlib import Path

import pytest

from leadagent_prefect.embedded.configured import configured_api, setting
from leadagent_prefect.embedded.home import ServerHome

PROFILES = """
active = "office"
[profiles.office]
PREFECT_API_URL = "http://office:4200/api"
PREFECT_API_AUTH_STRING = "me:secret"
[profiles.local]
PREFECT_API_URL = "http://127.0.0.1:4200/api"
[profiles.empty]
"""


@pytest.fixture
def profiles(home: ServerHome) -> Path:
    home.prefect_home.mkdir()
    path = home.prefect_home / "profiles.toml"
    path.write_text(PROFILES)
    return path


def test_nothing_is_configured_on_a_fresh_machine(home: ServerHome) -> None:
    assert configured_api() is None


def test_the_environment_names_the_api(home: ServerHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.test:4200/api/")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:secret")
    api = configured_api()
    assert api is not None
    assert (api.url, api.auth_string, api.embedded) == ("http://prefect.test:4200/api", "me:secret", False)
    assert api.ui_url == "http://prefect.test:4200"
    assert "secret" not in repr(api)


def test_the_active_profile_names_the_api(profiles: Path) -> None:
    api = configured_api()
    assert api is not None
    assert (api.url, api.auth_string) == ("http://office:4200/api", "me:secret")


def test_prefect_profile_chooses_another_profile(profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_PROFILE", "local")
    assert setting("PREFECT_API_URL") == "http://127.0.0.1:4200/api"
    monkeypatch.setenv("PREFECT_PROFILE", "empty")
    assert configured_api() is None


def test_an_empty_variable_takes_back_what_a_profile_says(
    profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "")
    assert configured_api() is None


def test_profiles_may_lie_elsewhere(profiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles.rename(tmp_path / "mine.toml")
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "mine.toml"))
    assert setting("PREFECT_API_URL") == "http://office:4200/api"


def test_prefects_own_profiles_hold_where_the_user_has_none(
    home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_PROFILE", "local")
    assert setting("PREFECT_API_URL") == "http://127.0.0.1:4200/api"


@pytest.mark.parametrize("text", ["not toml [", "profiles = 3\nactive = 'x'", "active = 'gone'"])
def test_a_broken_profiles_file_configures_nothing(profiles: Path, text: str) -> None:
    profiles.write_text(text)
    assert configured_api() is None


def test_files_of_the_working_folder_come_before_the_profile(profiles: Path) -> None:
    Path("pyproject.toml").write_text('[tool.prefect.api]\nurl = "http://pyproject/api"\n')
    assert setting("PREFECT_API_URL") == "http://pyproject/api"
    Path("prefect.toml").write_text('[api]\nurl = "http://toml/api"\n')
    assert setting("PREFECT_API_URL") == "http://toml/api"
    Path(".env").write_text("PREFECT_API_URL=http://dotenv/api\nEMPTY\n")
    assert setting("PREFECT_API_URL") == "http://dotenv/api"


def test_older_names_of_a_setting_count(home: ServerHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "sqlite:///x")
    names = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
    assert setting(*names) == "sqlite:///x"


def test_the_ui_of_prefect_cloud_has_another_host(home: ServerHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "https://api.prefect.cloud/api/accounts/a/workspaces/w")
    api = configured_api()
    assert api is not None
    assert api.ui_url == "https://app.prefect.cloud/account/a/workspace/w"
    monkeypatch.setenv("PREFECT_UI_URL", "https://ui.test")
    api = configured_api()
    assert api is not None
    assert api.ui_url == "https://ui.test"
