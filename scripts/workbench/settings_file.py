"""`dsw.toml` as set-up writes it: made once, afterwards changed key by key, comments kept."""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import socket
import tomllib
from pathlib import Path

from dsw.errors import ConfigError
from dsw.names import BASE32

PRIVATE_PORTS = range(20000, 32000)
"""Below the ports that systems hand out to clients, so that none of these is taken by chance."""

TEMPLATE = """\
# The settings of this workbench. scripts/up made this file and keeps what is changed in it;
# docs/operators/install.md tells more. After a change run scripts/up again.
data_dir = {data_dir}
installation = {installation}

[hub]
host = {host}
port = {port}
api_port = {api_port}
proxy_api_port = {proxy_api_port}

[control]
port = {control_port}

[engine]
kind = {engine}

[images]
ca_file = {ca_file}
"""


def create(path: Path, host: str, port: int, engine: str, ca_file: str) -> None:
    """Write the first settings of an installation whose data directory is the file's folder."""
    api, proxy_api, control = _free_ports(3)
    values: dict[str, str | int] = {
        "data_dir": str(path.parent),
        "installation": "".join(secrets.choice(BASE32) for _ in range(8)),
        "host": host,
        "port": port,
        "api_port": api,
        "proxy_api_port": proxy_api,
        "control_port": control,
        "engine": engine,
        "ca_file": ca_file,
    }
    text = TEMPLATE.format(**{key: _toml(value) for key, value in values.items()})
    _write(path, text)


def set_value(path: Path, section: str, key: str, value: str | int) -> None:
    """Give one key of one section a value, and touch nothing else in the file."""
    text = path.read_text("utf-8")
    line = f"{key} = {_toml(value)}"
    changed = _replaced(text, section, key, line)
    try:
        done = tomllib.loads(changed)[section][key] == value
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        done = False
    if not done:
        raise ConfigError(f"{path}: {section}.{key} cannot be set to {value!r}.", "Set it by hand.")
    if changed != text:
        _write(path, changed)


def _replaced(text: str, section: str, key: str, line: str) -> str:
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?$")
    start = next((at for at, old in enumerate(lines) if header.match(old)), None)
    if start is None:
        return "\n".join([*lines, "", f"[{section}]", line]) + "\n"
    end = next((at for at in range(start + 1, len(lines)) if lines[at].lstrip()[:1] == "["), None)
    here = re.compile(rf"\s*{re.escape(key)}\s*=")
    for at in range(start + 1, len(lines) if end is None else end):
        if here.match(lines[at]):
            lines[at] = line
            break
    else:
        lines.insert(start + 1, line)
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, "utf-8")
    aside.chmod(0o600)
    aside.replace(path)


def _toml(value: str | int) -> str:
    # A JSON string is a TOML string too, but for the code points that JSON writes as two.
    return json.dumps(value, ensure_ascii=False)


def free_port(wanted: int) -> int:
    """This port of loopback, or another one where something listens on it."""
    return wanted if is_free("127.0.0.1", wanted) else _free_ports(1)[0]


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    for port in random.SystemRandom().sample(PRIVATE_PORTS, len(PRIVATE_PORTS)):
        if len(ports) == count:
            break
        if is_free("127.0.0.1", port):
            ports.append(port)
    return ports


def is_free(host: str, port: int) -> bool:
    """Whether a server can listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
