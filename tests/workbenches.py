"""A workbench of the tests' own, brought up by `scripts/up` on the real engine, and its users."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
from tests.polling import eventually
from tests.ports import free_ports

from dsw.names import container_name
from dsw.settings import Settings, load
from workbench import certificates
from workbench.folders import Folders
from workbench.supervision import Supervisor

ROOT = Path(__file__).parents[1]
START_SECONDS = 90
READY_PATHS = ("/hub/api", "/services/dsw/healthz")

SETTINGS = """\
data_dir = "{data}"
installation = "{installation}"

[hub]
port = {ports[0]}
api_port = {ports[1]}
proxy_api_port = {ports[2]}

[control]
port = {ports[3]}

[ssh]
gateway_port = {ports[4]}

[engine]
answer_timeout = 60

[images]
ca_file = "{ca_file}"

[[images.official]]
name = "minimal"
reference = "jupyterhub-dsw/minimal:latest"

[[images.official]]
name = "base"
reference = "jupyterhub-dsw/base:latest"

[[images.official]]
name = "missing"
reference = "jupyterhub-dsw/there-is-none:latest"

[quota]
per_member = {{ instances = {instances} }}

[[resource_groups]]
name = "local"
memory = "64GiB"
cpu_overcommit = 100

[[specs]]
name = "tiny"
cpu = 1
memory = "512MiB"
pids = 200

[[specs]]
name = "small"
cpu = 2
memory = "2GiB"

[[specs]]
name = "roomy"
cpu = 1
memory = "512MiB"
shared_memory = "128MiB"

[[specs]]
name = "gpu"
cpu = 1
memory = "512MiB"
gpu = 1
"""


class User:
    """One user of a workbench with their own token; answers are httpx responses or JSON."""

    def __init__(self, workbench: TestBench, name: str, token: str) -> None:
        self.name = name
        self.token = token
        self.workbench = workbench
        self.http = httpx.Client(
            base_url=f"{workbench.url}/services/dsw/api/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )

    def get(self, path: str) -> Any:
        """The JSON answer of a GET that must succeed."""
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def image(self, name: str = "minimal") -> str:
        """Id of an official image."""
        return next(i["id"] for i in self.get("images")["items"] if i["name"] == name)

    def create(self, **body: Any) -> dict[str, Any]:
        """A new instance; by default tiny, from the minimal image."""
        body = {"image": self.image(), "spec": "tiny", **body}
        answer = self.http.post("instances", json=body)
        assert answer.status_code == 201, answer.text
        item: dict[str, Any] = answer.json()
        return item

    def state(self, instance_id: str) -> str:
        """The state of an instance."""
        return str(self.get(f"instances/{instance_id}")["state"])

    def state_or_none(self, instance_id: str) -> str | None:
        """The state of an instance, None while control does not answer."""
        try:
            answer = self.http.get(f"instances/{instance_id}")
        except httpx.HTTPError:
            return None
        return str(answer.json()["state"]) if answer.status_code == 200 else None

    def wait(self, instance_id: str, *states: str, timeout: float = START_SECONDS) -> Any:
        """The instance, once it is in one of the states."""

        def look() -> Any:
            item = self.get(f"instances/{instance_id}")
            return item if item["state"] in states else None

        try:
            return eventually(look, timeout)
        except AssertionError as error:
            raise AssertionError(self.story(instance_id)) from error

    def story(self, instance_id: str) -> str:
        """An instance as it is, and how it came to be so."""
        item = self.get(f"instances/{instance_id}")
        events = self.get(f"instances/{instance_id}/events")["items"]
        return f"{item}\n{json.dumps(events, indent=1)}"

    def running(self, **body: Any) -> Any:
        """A new instance that is up."""
        return self.wait(self.create(**body)["id"], "Running", "Failed")

    def delete(self, instance_id: str) -> None:
        """Delete an instance and wait until it is gone."""
        self.http.delete(f"instances/{instance_id}")
        eventually(
            lambda: self.http.get(f"instances/{instance_id}").status_code == 404, START_SECONDS
        )

    def server(self, item: Any, path: str, method: str = "GET", **kwargs: Any) -> httpx.Response:
        """A request to the instance's own server through the proxy."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.workbench.url}{item['url']}{path}"
        return httpx.request(method, url, headers=headers, timeout=30, **kwargs)


class TestBench:
    """One installation: its settings, its programs, its users."""

    __test__ = False

    def __init__(self, data: Path, installation: str, extra: str = "", instances: int = 6) -> None:
        self.data = data
        self.installation = installation
        ports = free_ports(5)
        data.mkdir(parents=True, exist_ok=True)
        text = SETTINGS.format(
            data=data,
            installation=installation,
            ports=ports,
            instances=instances,
            ca_file=certificates.extra(os.environ),
        )
        (data / "dsw.toml").write_text(text + extra)
        self.url = f"http://127.0.0.1:{ports[0]}"
        self._users: dict[str, User] = {}

    @property
    def settings(self) -> Settings:
        """What `dsw.toml` says now."""
        return load(self.data / "dsw.toml", {})

    def up(self, *arguments: str) -> None:
        """Start it, and wait until it answers."""
        self._call("up", *arguments)

    def down(self) -> None:
        """Stop it, and remove what it left in the engine."""
        for user in self._users.values():
            user.http.close()
        self._call("down")
        for kind, remove in (("container", ["rm", "-f", "-v"]), ("network", ["rm"])):
            label = f"label=dsw.installation={self.installation}"
            every = ["--all"] if kind == "container" else []
            found = docker(kind, "ls", "-q", *every, "--filter", label).split()
            if found:
                docker(kind, *remove, *found)
        images = docker("image", "ls", "-q", f"dsw-{self.installation}/*").split()
        if images:
            docker("image", "rm", "-f", *set(images))
        remove_shared(self.installation)

    def _call(self, script: str, *arguments: str) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DSW_")}
        done = subprocess.run(
            [ROOT / "scripts" / script, "--data-dir", self.data, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=clean,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def wait_until_ready(self) -> None:
        """Until hub and control answer through the proxy."""

        def ready() -> bool:
            try:
                answers = [httpx.get(self.url + path) for path in READY_PATHS]
            except httpx.HTTPError:
                return False
            return all(answer.status_code == 200 for answer in answers)

        eventually(ready, START_SECONDS)

    def pid(self, program: str) -> int:
        """The process id of hub, proxy or control."""
        return Supervisor(Folders(self.data)).statuses()[program].pid

    def kill(self, program: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        os.kill(self.pid(program), signal.SIGKILL)

    @property
    def admin_password(self) -> str:
        """As `scripts/up` generated it."""
        return (self.data / "secrets" / "admin-password").read_text().strip()

    @property
    def admin(self) -> User:
        """The generated first administrator, logged in with the generated password."""
        if "admin" not in self._users:
            with httpx.Client(base_url=self.url, follow_redirects=True, timeout=30) as browser:
                log_in(browser, "admin", self.admin_password)
                xsrf = browser.cookies.get("_xsrf", path="/hub/")
                answer = browser.post(
                    "/hub/api/users/admin/tokens",
                    headers={"X-XSRFToken": xsrf or ""},
                    json={"note": "tests"},
                )
            assert answer.status_code == 201, answer.text
            self._users["admin"] = User(self, "admin", answer.json()["token"])
        return self._users["admin"]

    def user(self, name: str) -> User:
        """A plain user with a token of their own, made by the administrator on first use."""
        if name not in self._users:
            hub = httpx.Client(
                base_url=f"{self.url}/hub/api",
                headers={"Authorization": f"Bearer {self.admin.token}"},
                timeout=30,
            )
            with hub:
                assert hub.post(f"/users/{name}").status_code in (201, 409)
                answer = hub.post(f"/users/{name}/tokens", json={"note": "tests"})
            assert answer.status_code == 201, answer.text
            self._users[name] = User(self, name, answer.json()["token"])
        return self._users[name]

    def containers(self, kind: str = "instance", every: bool = False) -> list[str]:
        """Ids (`dsw.id`) of the running containers of this installation."""
        text = docker(
            "ps",
            *(["--all"] if every else []),
            "--filter",
            f"label=dsw.installation={self.installation}",
            "--filter",
            f"label=dsw.kind={kind}",
            "--format",
            '{{.Label "dsw.id"}}',
        )
        return sorted(text.split())

    def execute(self, item: Any, *command: str, user: str = "1000") -> str:
        """Run a command in an instance's container; its output."""
        name = container_name(self.installation, item["id"])
        return docker("exec", "--user", user, name, *command)

    def inspect(self, item: Any) -> Any:
        """What the engine says about an instance's container."""
        return json.loads(docker("inspect", container_name(self.installation, item["id"])))[0]


def log_in(browser: httpx.Client, name: str, password: str) -> None:
    """The hub's login form."""
    browser.get("/hub/login")
    xsrf = browser.cookies.get("_xsrf", path="/hub/") or ""
    answer = browser.post(
        "/hub/login",
        params={"_xsrf": xsrf},
        data={"username": name, "password": password, "_xsrf": xsrf},
    )
    assert answer.status_code == 200, answer.text
    assert "/hub/login" not in str(answer.url), answer.text


def docker(*arguments: str) -> str:
    """The output of a docker command that must succeed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {arguments}: {done.stderr}{done.stdout}"
    return done.stdout


def shared_folder(installation: str) -> Path:
    """The engine's folder whose mounts the instances of an installation see."""
    root = docker("info", "--format", "{{.DockerRootDir}}").strip()
    return Path(root) / f"dsw-{installation}"


def mounted_below(folder: Path) -> list[Path]:
    """Where something is mounted in a folder of this machine, the innermost first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [Path(line.split()[4].replace("\\040", " ")) for line in lines]
    return sorted((p for p in points if p != folder and p.is_relative_to(folder)), reverse=True)


def remove_shared(installation: str) -> None:
    """Remove that folder, and before it what is mounted there: it is not the installation's."""
    folder = shared_folder(installation)
    if os.geteuid() != 0 or not folder.is_dir():
        return
    for point in mounted_below(folder):
        subprocess.run(["umount", "--lazy", point], check=True)
    assert mounted_below(folder) == []
    shutil.rmtree(folder)
