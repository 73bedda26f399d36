"""`dsw.toml`: what an operator may set, and its defaults.

The file named by `DSW_CONFIG` is read, then `DSW_<SECTION>_<KEY>` variables override single values
(`DSW_HUB_PORT=9000`). No secret is in it: tokens and passwords are files of mode 0600 under
`data_dir/secrets`, made by `dsw.secret_files`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from dsw.apps import App
from dsw.base import Model
from dsw.quota import Limits, Quota
from dsw.specs import Spec
from dsw.storage_overlaps import overlap
from dsw.toml_file import read_toml
from dsw.units import Bytes
from dsw.workspaces import REPOSITORY, Policy, RoleName

DEFAULT_SPECS = (
    Spec(name="small", cpu=1, memory=2 * 1024**3, description="Editing and small data"),
    Spec(name="medium", cpu=2, memory=4 * 1024**3, shared_memory=1024**3),
)


_PRIVATE = ("secrets", "run")
"""Folders of `data_dir` that no dataset may be in."""


class HubSettings(Model):
    """The hub and its proxy."""

    host: str = Field("127.0.0.1", description="Address that the proxy listens on for people.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the proxy listens on.")
    base_url: str = Field("/", pattern="^/([^?#]*/)?$", description="Path below which all lives.")
    api_port: int = Field(8081, ge=1, le=65535, description="Port of the hub itself (private).")
    proxy_api_port: int = Field(
        8001, ge=1, le=65535, description="Port of the proxy's own API (private, loopback)."
    )
    private_host: str = Field(
        "",
        description="Address of this machine at which instances reach hub and control: with Docker "
        "the gateway of the instances' network (scripts/up finds it). Empty: 127.0.0.1.",
    )
    database: str = Field(
        "",
        description="SQLAlchemy URL of the hub's database; with PostgreSQL it begins with "
        "`postgresql+psycopg://`. Empty: SQLite in `data_dir`.",
    )
    admins: list[str] = Field(
        ["admin"],
        description="Platform administrators. The account of the first one is made at the first "
        "start.",
    )
    public_url: str = Field(
        "", description="Address that people use, when a reverse proxy is in front."
    )
    subdomain_host: str = Field(
        "",
        pattern=r"^$|^https?://[a-z0-9.-]+(:\d+)?$",
        description="Address that people use, such as `https://dsw.example.com`, when each user's "
        "instances are on an origin of their own below it (`https://alice.dsw.example.com`). It "
        "needs DNS and a certificate for `*.dsw.example.com`.",
    )
    allow_shared_origin: bool = Field(
        False,
        description="Listen on a public address although all users share one origin. Users own "
        "their image, so a shared origin lets one instance act in another's name.",
    )
    traits: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Any trait of JupyterHub, its authenticator, spawner or proxy by its usual "
        "class and name; applied last.",
    )


class ControlSettings(Model):
    """The control service."""

    port: int = Field(8082, ge=1, le=65535, description="Port of control (private).")
    database: str = Field(
        "",
        description="SQLAlchemy URL of control's database, another one than the hub's. Empty: "
        "SQLite in `data_dir`.",
    )
    url: str = Field(
        "",
        description="Address of control as hub and instances see it, without a path. Empty: "
        "`hub.private_host` and `control.port`.",
    )


class EngineSettings(Model):
    """What runs instances."""

    kind: Literal["docker", "process"] = Field(
        "docker", description="`docker`, or `process`: local processes without isolation."
    )
    start_timeout: int = Field(
        300, ge=5, description="Seconds that a start may take in all, pulling the image included."
    )
    answer_timeout: int = Field(
        120, ge=5, description="Seconds that a started server may take to answer."
    )


class StorageSettings(Model):
    """The NAS: a directory that this host mounted, or an NFS export that the engine mounts."""

    kind: Literal["host", "nfs"] = Field("host", description="`host` or `nfs`.")
    root: str = Field("", description="Host directory. Empty: `data_dir/nas`.")
    nfs_server: str = Field("", description="Name or address of the NFS server.")
    nfs_path: str = Field("", description="Exported path.")
    nfs_options: str = Field("nfsvers=4,rw,hard", description="Mount options besides the address.")
    measure_minutes: int = Field(
        60,
        ge=0,
        le=10_000,
        description="Minutes between two measurements of what the folders hold; kind `host` only. "
        "0: never.",
    )
    home_quota: Bytes | None = Field(
        None, description="Bytes that a user's home in a workspace may have. None: no limit."
    )
    shared_quota: Bytes | None = Field(
        None, description="Bytes that a workspace's shared folder may have. None: no limit."
    )

    @model_validator(mode="after")
    def _nfs_is_complete(self) -> StorageSettings:
        if self.kind == "nfs" and not (self.nfs_server and self.nfs_path.startswith("/")):
            raise ValueError("nfs_server and an absolute nfs_path are needed for kind = 'nfs'")
        if self.root and not self.root.startswith("/"):
            raise ValueError("root must be an absolute path")
        return self


class StorageClass(Model):
    """A place where datasets may lie. What a kind does not need stays empty.

    An object store's own access key is `access_key_id` and the secret in
    `data_dir/secrets/storage-<name>`; without one each dataset names a stored credential.
    """

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$", description="Its name.")
    kind: Literal["host", "nfs", "s3", "oss", "pvc"] = Field(
        description="`host`: a directory of this host, such as a mounted NAS. `nfs`: an export "
        "that the engine mounts. `s3`, `oss`: an object store. `pvc`: a claim, on Kubernetes."
    )
    description: str = Field("", description="For people.")
    workspaces: list[str] = Field(
        default_factory=list, description="Names of the workspaces that may use it. Empty: all."
    )
    writable: bool = Field(False, description="Whether datasets on it may be written.")
    root: str = Field("", pattern=r"^$|^/[^\x00]*$", description="host: the directory.")
    server: str = Field("", description="nfs: name or address of the server.")
    export: str = Field("", pattern=r"^$|^/[^\x00]*$", description="nfs: the exported path.")
    options: str = Field(
        "nfsvers=4,soft,timeo=50,retrans=2",
        description="nfs: mount options besides the address. `soft` makes a server that does not "
        "answer an error instead of a hang.",
    )
    mounted_at: str = Field(
        "",
        pattern=r"^$|^/[^\x00]*$",
        description="nfs: where this host has mounted the export, if it has: only then files can "
        "be listed, uploaded and downloaded in the browser.",
    )
    endpoint: str = Field(
        "", pattern=r"^$|^https?://[^\s@?#]+$", description="s3, oss: address of the store."
    )
    region: str = Field("", pattern=r"^[a-z0-9-]*$", description="s3, oss: its region.")
    bucket: str = Field(
        "", description="s3, oss: the one bucket. Empty: any that a credential opens."
    )
    prefix: str = Field("", description="s3, oss: the part of the bucket that may be used.")
    path_style: bool = Field(
        True, description="s3, oss: the bucket is in the path, not in the host name."
    )
    access_key_id: str = Field("", description="s3, oss: the class's own access key.")
    claim: str = Field("", description="pvc: name of the claim.")

    @model_validator(mode="after")
    def _complete(self) -> StorageClass:
        needed = {
            "host": ["root"],
            "nfs": ["server", "export"],
            "s3": ["endpoint"],
            "oss": ["endpoint"],
            "pvc": ["claim"],
        }[self.kind]
        for key in needed:
            if not getattr(self, key):
                raise ValueError(f"{key} is needed for kind = {self.kind!r}")
        if self.root and str(PurePosixPath(self.root)) in ("/", "//"):
            raise ValueError("root must not be the whole host: name the directory with the data")
        if self.access_key_id and not self.bucket:
            raise ValueError("a class with an access key of its own needs its bucket")
        return self


class DatasetSettings(Model):
    """What nodes keep of object stores and repositories, and what may be uploaded."""

    cache_dir: str = Field(
        "", pattern=r"^$|^/[^\x00]*$", description="Directory of this host. Empty: in `data_dir`."
    )
    cache_size: Bytes = Field(
        20 * 1024**3, description="The most that object stores' caches may take together."
    )
    cache_per_dataset: Bytes = Field(10 * 1024**3, description="The most of one dataset.")
    upload_max: Bytes = Field(
        100 * 1024**3, description="The largest file that may be uploaded in the browser."
    )


class RegistrySettings(Model):
    """Where snapshots are pushed. Without an address they stay in the engine."""

    address: str = Field("", pattern=r"^$|^[a-z0-9.-]+(:\d+)?$", description="`host` or host:port.")
    prefix: str = Field(
        "dsw",
        pattern=REPOSITORY,
        description="Path in the registry below which they are.",
    )
    username: str = Field(
        "",
        description="User of the registry; the password is in `data_dir/secrets/registry`.",
    )
    insecure: bool = Field(False, description="Plain http; loopback addresses only.")
    auth: Literal["password", "token"] = Field(
        "password",
        description="`password`: as the registry asks for it. `token`: the registry trusts the "
        "tokens that control signs, as the one of `scripts/up --registry` does.",
    )
    compression: Literal["gzip", "zstd"] = Field(
        "gzip",
        description="Of new layers. zstd is quicker; engines older than Docker 23 cannot read it.",
    )

    @model_validator(mode="after")
    def _plain_http_on_loopback(self) -> RegistrySettings:
        host = self.address.partition(":")[0]
        if self.insecure and host not in ("localhost", "127.0.0.1"):
            raise ValueError("insecure = true is for a registry on localhost only")
        return self


class OfficialImage(Model):
    """A catalog image that the operator offers to everybody."""

    name: str = Field(min_length=1, max_length=100, description="Its name for people.")
    reference: str = Field(
        min_length=1,
        description="`repository:tag` that the engine has, or with its host in front, that this "
        "registry has.",
    )
    description: str = Field("", description="What is in it.")


class ImageSettings(Model):
    """The catalog's official images, and an extra CA for instances."""

    official: list[OfficialImage] = Field(
        default_factory=lambda: [
            OfficialImage(
                name="base",
                reference="jupyterhub-dsw/base:latest",
                description="JupyterLab, VS Code, Python, git and a terminal",
            )
        ]
    )
    agent: str = Field("jupyterhub-dsw/agent:latest", description="Image of the helper container.")
    ca_file: str = Field(
        "", description="Extra CA certificates (PEM) that instances and image builds trust."
    )


class WorkspaceSettings(Model):
    """The default workspace, where new users land."""

    name: str = Field("default", pattern=r"^[a-z][a-z0-9-]{0,29}$", description="Its name.")
    display_name: str = Field("Default workspace", description="Its title.")
    welcome_roles: list[RoleName] = Field(
        ["developer"], description="Roles of a user who is seen for the first time. Empty: none."
    )
    policy: Policy = Field(
        default_factory=Policy, description="What it allows; applied when it is made."
    )


class GroupMapping(Model):
    """Members of a group of the identity provider become members of a workspace."""

    group: str = Field(min_length=1, max_length=255, description="The group's name in the hub.")
    workspace: str = Field(min_length=1, description="Name of the workspace.")
    roles: list[RoleName] = Field(["developer"], min_length=1, description="Roles they get.")


class ResourceGroup(Model):
    """A pool of compute on the engine's host. What is 0 is discovered."""

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$", description="Its name.")
    description: str = Field("", description="For people.")
    cpu: float = Field(0, ge=0, description="Cores. 0: those of the host.")
    memory: Bytes = Field(0, description="Bytes of memory. 0: that of the host.")
    cpu_overcommit: float = Field(
        4, gt=0, le=100, description="Times its cores that instances may be promised together."
    )
    memory_overcommit: float = Field(
        1, gt=0, le=100, description="Times its memory that instances may be promised together."
    )
    specs: list[str] = Field(default_factory=list, description="Specs it offers. Empty: all.")


class Gpu(Model):
    """A GPU of the host that instances may lease, when they are not to be discovered."""

    id: str = Field(min_length=1, description="UUID or index, as `nvidia-smi -L` shows it.")
    type: str = Field(min_length=1, description="The word that specs ask for, such as A100.")
    shares: int = Field(
        1,
        ge=1,
        le=64,
        description="How many instances may have it at once, with specs that say `gpu_shared`.",
    )
    resource_group: str = Field("", description="The group it is in. Empty: the first.")


class SshSettings(Model):
    """SSH to instances. The road through the hub's own port needs no setting."""

    gateway_port: int = Field(
        0, ge=0, le=65535, description="Port of the SSH gateway for `ssh -J`. 0: no gateway."
    )
    gateway_host: str = Field("", description="Address it listens on. Empty: that of `hub.host`.")
    gateway_address: str = Field(
        "",
        pattern=r"^$|^[A-Za-z0-9.-]+(:\d+)?$",
        description="`host` or `host:port` where people reach it. Empty: the host of "
        "`hub.public_url`, and `gateway_port`.",
    )


class VscodeSettings(Model):
    """VS Code in the browser, where the image has it."""

    gallery: str = Field(
        "",
        pattern=r"^$|^https?://[^\s\"']+$",
        description="Registry of extensions, such as `https://open-vsx.org/vscode`. Empty: none; "
        "extensions are then installed from files.",
    )
    extensions: list[str] = Field(
        ["ms-python.python", "ms-toolsai.jupyter"],
        description="Extensions that every user gets, when there is a registry.",
    )


class Settings(Model):
    """All of `dsw.toml`."""

    data_dir: str = Field("/var/lib/jupyterhub-dsw", description="Databases, secrets, logs, NAS.")
    installation: str = Field(
        "main",
        pattern=r"^[a-z0-9]{1,12}$",
        description="Tells this installation's containers from another's on the same engine.",
    )
    hub: HubSettings = Field(default_factory=HubSettings)
    control: ControlSettings = Field(default_factory=ControlSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    storage_classes: list[StorageClass] = Field(default_factory=list)
    datasets: DatasetSettings = Field(default_factory=DatasetSettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    images: ImageSettings = Field(default_factory=ImageSettings)
    workspace: WorkspaceSettings = Field(default_factory=WorkspaceSettings)
    quota: Quota = Field(
        default_factory=lambda: Quota(per_member=Limits(instances=10)),
        description="What a new workspace, and the default one, may use of each resource group; "
        "changed later by the API.",
    )
    ssh: SshSettings = Field(default_factory=SshSettings)
    vscode: VscodeSettings = Field(default_factory=VscodeSettings)
    apps: list[App] = Field(
        default_factory=list, description="Apps of every instance whose image has the program."
    )
    group_mappings: list[GroupMapping] = Field(default_factory=list)
    resource_groups: list[ResourceGroup] = Field(
        default_factory=lambda: [ResourceGroup(name="local")], min_length=1
    )
    specs: list[Spec] = Field(default_factory=lambda: list(DEFAULT_SPECS))
    gpus: list[Gpu] = Field(default_factory=list)

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.data_dir)

    @property
    def cache_dir(self) -> Path:
        """Where this host keeps what it has of object stores and repositories."""
        return Path(self.datasets.cache_dir or self.data / "cache")

    @property
    def nas_root(self) -> str:
        """The host directory that is the NAS root."""
        return self.storage.root or str(self.data / "nas")

    @property
    def control_database(self) -> str:
        """SQLAlchemy URL of control's database."""
        return self.control.database or f"sqlite+aiosqlite:///{self.data}/control.sqlite"

    @property
    def hub_database(self) -> str:
        """SQLAlchemy URL of the hub's database."""
        return self.hub.database or f"sqlite:///{self.data}/hub.sqlite"

    @property
    def service_prefix(self) -> str:
        """The path of control behind the proxy."""
        return f"{self.hub.base_url}services/dsw/"

    @property
    def private_host(self) -> str:
        """Where hub and control listen, and instances find them."""
        return self.hub.private_host or "127.0.0.1"

    @property
    def control_url(self) -> str:
        """Where hub and instances reach control, without the service prefix."""
        return (self.control.url or f"http://{self.private_host}:{self.control.port}").rstrip("/")

    @property
    def hub_api_url(self) -> str:
        """The hub's REST API, not through the proxy."""
        return f"http://{self.private_host}:{self.hub.api_port}{self.hub.base_url}hub/api"

    def gateway_address(self, own: str) -> str:
        """`host:port` where people reach the SSH gateway, empty without one; `own` is this machine
        as they see it, for when it listens on all its addresses and no setting names it."""
        host, _, port = self.ssh.gateway_address.partition(":")
        if not self.ssh.gateway_port:
            return ""
        named = urlsplit(self.hub.subdomain_host or self.hub.public_url).hostname
        host = host or named or self.ssh.gateway_host or self.hub.host
        host = own if host in ("0.0.0.0", "::") else host  # noqa: S104
        return f"{f'[{host}]' if ':' in host else host}:{port or self.ssh.gateway_port}"

    @model_validator(mode="after")
    def _unique_names(self) -> Settings:
        for what, names in (
            ("specs", [spec.name for spec in self.specs]),
            ("images.official", [image.name for image in self.images.official]),
            ("apps", [app.name for app in self.apps]),
            ("gpus", [gpu.id for gpu in self.gpus]),
            ("storage_classes", [each.name for each in self.storage_classes]),
            ("resource_groups", [group.name for group in self.resource_groups]),
        ):
            double = {name for name in names if names.count(name) > 1}
            if double:
                raise ValueError(f"{what}: {sorted(double)[0]!r} stands there twice")
        if not self.specs:
            raise ValueError("specs: at least one is needed")
        return self

    @model_validator(mode="after")
    def _classes_apart(self) -> Settings:
        own = (self.nas_root, str(self.cache_dir), *(f"{self.data_dir}/{x}" for x in _PRIVATE))
        if wrong := overlap(self.storage_classes, self.data_dir, own):
            raise ValueError(f"storage_classes: {wrong}")
        return self

    @model_validator(mode="after")
    def _names_that_exist(self) -> Settings:
        specs = {spec.name for spec in self.specs}
        groups = {group.name for group in self.resource_groups}
        for group in self.resource_groups:
            for name in set(group.specs) - specs:
                raise ValueError(f"resource_groups: {group.name!r} offers {name!r}, not a spec")
        for gpu in self.gpus:
            if gpu.resource_group and gpu.resource_group not in groups:
                raise ValueError(f"gpus: {gpu.id!r} is in {gpu.resource_group!r}, not a group")
        shares: dict[str, int] = {}
        for gpu in self.gpus:
            if shares.setdefault(gpu.type, gpu.shares) != gpu.shares:
                raise ValueError(
                    f"gpus: those of type {gpu.type!r} differ in their shares; give them two types"
                )
        return self


def load(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings from a file (default: `$DSW_CONFIG`, or all defaults) and the environment."""
    environ = os.environ if environ is None else environ
    return read_toml(Settings, str(path or environ.get("DSW_CONFIG", "")), environ)
