"""The wheel as people install it: what is in it, and never without its JavaScript."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dsw.images_build import find_catalog
from dsw.images_build.wheel import project_wheel

ROOT = Path(__file__).parents[1]
PACKAGES = {"dsw", "dsw_agent", "dsw_control", "dsw_gateway", "dsw_server", "dsw_spawners"}
BIGGEST_SOURCE_MAP = 50_000

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def files() -> dict[str, int]:
    """The files of the wheel and their sizes in bytes."""
    with zipfile.ZipFile(project_wheel(find_catalog(), None)) as wheel:
        return {file.filename: file.file_size for file in wheel.infolist()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which no JavaScript was built."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def hatch(checkout: Path, target: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", "made"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def test_it_installs_the_five_packages_and_nothing_else(files: dict[str, int]) -> None:
    tops = {name.partition("/")[0] for name in files}
    assert {top for top in tops if not top.startswith("jupyterhub_dsw-")} == PACKAGES
    for package in PACKAGES:
        assert {f"{package}/__init__.py", f"{package}/py.typed"} <= files.keys()


def test_it_brings_the_console(files: dict[str, int]) -> None:
    assert files["dsw_control/static/index.html"] > 100
    scripts = [name for name in files if name.startswith("dsw_control/static/assets/")]
    assert any(name.endswith(".js") for name in scripts)


def test_it_brings_the_lab_extension_where_lab_looks(files: dict[str, int]) -> None:
    place = "/data/share/jupyter/labextensions/jupyterhub-dsw/"
    found = {name.partition(place)[2] for name in files if place in name}
    assert "package.json" in found
    assert any(name.startswith("static/remoteEntry.") for name in found)
    assert not [name for name in files if name.startswith("dsw_server/labextension/")]


def test_it_enables_the_server_extension(files: dict[str, int]) -> None:
    place = "/data/etc/jupyter/jupyter_server_config.d/"
    assert [name.partition(place)[2] for name in files if place in name] == ["dsw_server.json"]


def test_it_brings_what_images_are_built_from(files: dict[str, int]) -> None:
    for name in find_catalog().names:
        assert {f"dsw/_images/{name}/Dockerfile", f"dsw/_images/{name}/requirements.lock"} <= (
            files.keys()
        )
    assert "dsw/_images/common/add-user" in files
    assert "dsw/_images/base/code-server/package-lock.json" in files


def test_nothing_is_in_it_that_only_a_checkout_needs(files: dict[str, int]) -> None:
    for name, size in files.items():
        parts = name.split("/")
        assert not {"tests", "certs", "node_modules", "__pycache__"} & set(parts), name
        assert not (name.endswith(".map") and size > BIGGEST_SOURCE_MAP), name
        assert not name.endswith((".ts", ".tsx", ".pyc")), name


def test_it_is_made_once_for_the_same_sources(files: dict[str, int]) -> None:
    catalog = find_catalog()
    first = project_wheel(catalog, None)
    made = first.stat().st_mtime_ns
    assert project_wheel(catalog, None) == first
    assert first.stat().st_mtime_ns == made


def test_it_is_refused_without_the_javascript(checkout: Path) -> None:
    done = hatch(checkout, "wheel")
    assert done.returncode != 0
    assert "static/index.html is missing. Run scripts/build-js first." in done.stderr
    assert not list((checkout / "made").glob("*.whl"))


def test_an_editable_install_works_without_the_javascript(checkout: Path) -> None:
    done = hatch(checkout, "wheel:editable")
    assert done.returncode == 0, done.stderr
    assert list((checkout / "made").glob("*.whl"))
