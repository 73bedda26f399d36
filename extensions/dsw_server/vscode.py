"""How code-server is started: its settings, its registry of extensions, those that come as files.

`python -I -m dsw_server.vscode open SOCKET` serves the user's home on a unix socket, `run
[ARGUMENT...]` is the command `code-server`, `extensions` installs what is missing. Standard library
only: each of them soon becomes code-server.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from dsw_server.entry import seed

ROOT = Path("/opt/code-server")
"""Where the image has it: code-server itself, `config.yaml`, `seed` and `vsix`."""

DATA = Path(".local", "share", "code-server")
"""Below the home: settings and extensions, which all instances of the user share."""

FILES = Path(".vsix")
"""Below the home: extensions as files, installed when VS Code starts. Never a folder that others
can write to: an extension runs with all that its user may do."""

INSTALLED = "dsw-extensions.json"
"""Below `DATA`: what was installed once. What the user removes afterwards stays removed."""


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Do what the first argument says; the exit code, where this process did not become another."""
    os.environ.update(environment(os.environ, root))
    match list(arguments):
        case ["open", socket]:
            _open(root, socket)
        case ["run", *rest]:
            _become(root, rest)
        case ["extensions"]:
            return install_extensions(root, Path.home())
    print("Usage: python -m dsw_server.vscode open SOCKET | run [ARGUMENT...] | extensions")
    return 2


def environment(variables: Mapping[str, str], root: Path = ROOT) -> dict[str, str]:
    """What code-server's environment has to have besides `variables`."""
    found = {
        "CODE_SERVER_CONFIG": str(root / "config.yaml"),
        "EXTENSIONS_GALLERY": json.dumps(gallery(variables.get("DSW_VSCODE_GALLERY", ""))),
    }
    if prefix := variables.get("JUPYTERHUB_SERVICE_PREFIX"):
        # Its list of ports leads to the server's own way to them.
        found["VSCODE_PROXY_URI"] = f"{prefix}proxy/{{{{port}}}}/"
    return {name: value for name, value in found.items() if not variables.get(name)}


def gallery(address: str) -> dict[str, str]:
    """The registry at this address; an empty one, which turns it off, for none.

    Without it code-server would ask a public one.
    """
    base = address.rstrip("/")
    if not base:
        return {}
    version = "{publisher}/{name}/{version}"
    return {
        "serviceUrl": f"{base}/gallery",
        "itemUrl": f"{base}/item",
        "extensionUrlTemplate": f"{base}/gallery/{{publisher}}/{{name}}/latest",
        "resourceUrlTemplate": (
            f"{base}/asset/{version}/Microsoft.VisualStudio.Code.WebResources/{{path}}"
        ),
        "controlUrl": "",
        "recommendationsUrl": "",
    }


def wanted(variables: Mapping[str, str], root: Path, home: Path) -> dict[str, str]:
    """What is to be installed, by what is remembered of it: ids of the registry, then files.

    A file is another one when its size or its time changed.
    """
    found: dict[str, str] = {}
    if variables.get("DSW_VSCODE_GALLERY"):
        names = variables.get("DSW_VSCODE_EXTENSIONS", "").split(",")
        found.update({name.strip(): name.strip() for name in names if name.strip()})
    for folder in (root / "vsix", home / FILES):
        for path in sorted(folder.glob("*.vsix")):
            state = path.stat()
            found[f"{path.name} {state.st_size} {state.st_mtime_ns}"] = str(path)
    return found


def install_extensions(root: Path, home: Path) -> int:
    """Install what was not installed before, one after the other.

    What fails is tried again at the next start. 1 when something failed.
    """
    data = home / DATA
    failed = False
    with _alone(data) as first:
        remembered = _remembered(data / INSTALLED)
        for key, name in wanted(os.environ, root, home).items() if first else ():
            if key in remembered:
                continue
            if subprocess.run(
                [*command(root), "--install-extension", name], check=False
            ).returncode:
                print(f"dsw: The extension {name} was not installed.", file=sys.stderr, flush=True)
                failed = True
                continue
            remembered.append(key)
            _remember(data / INSTALLED, remembered)
    return int(failed)


def command(root: Path) -> list[str]:
    """code-server with the Node that it came with."""
    package = root / "node_modules" / "code-server"
    return [str(package / "lib" / "node"), str(package / "out" / "node" / "entry.js")]


def _open(root: Path, socket: str) -> NoReturn:
    home = Path.home()
    data = home / DATA
    with suppress(OSError):
        data.mkdir(parents=True, exist_ok=True)
    if os.access(data, os.W_OK):
        seed(data, root / "seed")
        # By way of `setsid`, so that they are no children of code-server, which knows nothing of
        # them; and in the background, because a registry may take minutes or not answer at all.
        own = [sys.executable, "-I", "-m", "dsw_server.vscode", "extensions"]
        subprocess.run(["setsid", "--fork", *own], stdin=subprocess.DEVNULL, check=False)
    serving = ["--auth=none", f"--socket={socket}", "--socket-mode=600", "--ignore-last-opened"]
    _become(root, [*serving, str(home)])


def _become(root: Path, arguments: Sequence[str]) -> NoReturn:
    program = command(root)
    try:
        os.execv(program[0], [*program, *arguments])  # noqa: S606
    except OSError as error:
        sys.exit(f"dsw: code-server cannot be run: {program[0]}: {error.strerror}.")


@contextmanager
def _alone(data: Path) -> Iterator[bool]:
    """Whether this is the only instance of the user that installs at the moment."""
    with (data / f".{INSTALLED}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            # A network file system without locks: at worst both install the same.
            pass
        yield True


def _remembered(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [str(key) for key in found] if isinstance(found, list) else []


def _remember(path: Path, keys: list[str]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(keys, indent=1))
    os.replace(aside, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
