"""What `scripts/up` makes of the setting of origins: the proxy's routes, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsw.settings import Settings
from workbench import programs, ready, up


def settings(folder: Path, **hub: object) -> Settings:
    return Settings.model_validate({"data_dir": str(folder), "hub": hub})


def test_the_proxy_routes_by_host_where_users_have_origins(tmp_path: Path) -> None:
    own = settings(tmp_path, subdomain_host="http://dsw.localhost:8000", base_url="/x/")
    line = programs.command("proxy", own)
    assert "--host-routing" in line
    assert "--default-target=http://127.0.0.1:8082/elsewhere" in line
    assert "--error-target=http://127.0.0.1:8081/x/hub/error" in line
    line = programs.command("proxy", settings(tmp_path))
    assert "--host-routing" not in line
    assert "--default-target=http://127.0.0.1:8081" in line


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (
            "http://dsw.localhost:8000",
            "Each user has an origin of their own, such as http://alice.dsw.localhost:8000.",
        ),
        ("", "All users share one origin: an instance can act in the name of whoever opens it."),
    ],
)
def test_people_are_told_which_origins_there_are(tmp_path: Path, host: str, said: str) -> None:
    text = up.announcement(settings(tmp_path, subdomain_host=host), 1.0)
    (line,) = [line for line in text.splitlines() if "origin" in line]
    assert line.startswith(said)
    address = host or ready.address(settings(tmp_path))
    assert f"The workbench runs at {address}/ " in text
