"""How a launch plan reads in the words of Docker's API: pure functions, no engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from docker.types import DeviceRequest, DriverConfig, LogConfig, Mount

from dsw import plan as plans
from dsw.image_environment import DEVICE_VARIABLES, LOADED_CODE, NO_DEVICES, VISIBLE_DEVICES
from dsw.plan import GID, LABEL_FINGERPRINT, UID, LaunchPlan, MountKind
from dsw_spawners.run_folder import TARGET

CPU_PERIOD = 100_000
CAPABILITIES_OF_SUDO = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
)
"""What apt-get, dpkg, useradd, su and sudo need, each found by leaving it out: without FSETID they
succeed and silently lose set-group-ID bits, without AUDIT_WRITE every sudo complains. Not in it:
SETFCAP (packages fall back to set-user-ID), NET_RAW (forged frames to the neighbours), MKNOD."""
FOLLOWS = "rslave"
"""How a bind takes part in the mounts of its source: it sees them, and its own are not seen."""
LABEL_OWNER = "dsw.owner"
LABEL_NAME = "dsw.name"


def create_arguments(plan: LaunchPlan, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of `create_container`, without its host configuration.

    `settings` is what the operator set for all containers; where both speak, the plan wins. The run
    folder carries the environment; here is only what programs of the host read of it.
    """
    labels = {
        **settings.get("labels", {}),
        **plan.labels,
        LABEL_OWNER: plan.owner,
        LABEL_NAME: plan.name,
    }
    return {
        "hostname": plan.name,
        **settings,
        "image": plan.image_digest,
        "user": f"{UID}:{GID}",
        "labels": labels,
        "environment": _read_by_the_host(plan),
    }


def _read_by_the_host(plan: LaunchPlan) -> dict[str, str | None]:
    """What an image's own environment does not get to say; None takes a variable out."""
    taken_out = dict.fromkeys((*DEVICE_VARIABLES, *LOADED_CODE))
    return {**taken_out, VISIBLE_DEVICES: ",".join(plan.gpu_devices) or NO_DEVICES}


def host_arguments(
    plan: LaunchPlan, run_folder: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Keyword arguments of `create_host_config`; `settings` as in `create_arguments`."""
    own = [
        *(mount(each) for each in plan.mounts if not each.follows),
        _run_folder_mount(run_folder),
    ]
    targets = {each["Target"] for each in own} | {each.target for each in plan.mounts}
    others = [each for each in settings.get("mounts", []) if each["Target"] not in targets]
    binds = settings.get("binds", {}).items()
    arguments: dict[str, Any] = {
        "log_config": LogConfig(type="json-file", config={"max-size": "10m", "max-file": "2"}),
        **settings,
        **limits(plan),
        "shm_size": plan.shared_memory,
        "network_mode": plan.network,
        "mounts": others + own,
        "binds": {
            **{source: each for source, each in binds if each["bind"] not in targets},
            **{each.source: follower(each) for each in plan.mounts if each.follows},
        },
        "cap_drop": ["ALL"],
        "cap_add": _union(settings.get("cap_add"), CAPABILITIES_OF_SUDO if plan.sudo else ()),
        "security_opt": _union(
            settings.get("security_opt"), () if plan.sudo else ("no-new-privileges",)
        ),
        "init": False,
        "auto_remove": False,
        "restart_policy": {"Name": "no"},
    }
    arguments.pop("nano_cpus", None)
    if plan.gpu_devices:
        arguments["device_requests"] = [
            DeviceRequest(device_ids=list(plan.gpu_devices), capabilities=[["gpu"]])
        ]
    return arguments


def limits(plan: LaunchPlan) -> dict[str, int]:
    """What the container may use at most; swap is not on top of memory."""
    return {
        "cpu_period": CPU_PERIOD,
        "cpu_quota": round(plan.cpu * CPU_PERIOD),
        "mem_limit": plan.memory,
        "memswap_limit": plan.memory,
        "pids_limit": plan.pids,
    }


def update_body(plan: LaunchPlan) -> dict[str, int]:
    """The body of `POST /containers/{id}/update`. The Python client knows no pids limit there."""
    return {
        "CpuPeriod": CPU_PERIOD,
        "CpuQuota": round(plan.cpu * CPU_PERIOD),
        "Memory": plan.memory,
        "MemorySwap": plan.memory,
        "PidsLimit": plan.pids,
    }


def mount(each: plans.Mount) -> Mount:
    """One mount of the plan. A volume of a driver is not filled from the image: the NAS decides
    what is in it, and may refuse what root writes."""
    if each.kind is MountKind.BIND:
        return Mount(each.target, each.source, type="bind", read_only=each.read_only)
    driver = DriverConfig("local", dict(each.driver_options)) if each.driver_options else None
    return Mount(
        each.target,
        each.source,
        type="volume",
        read_only=each.read_only,
        no_copy=bool(each.driver_options),
        driver_config=driver,
    )


def follower(each: plans.Mount) -> dict[str, str]:
    """A bind that shows what is mounted below its source later. Never read-only: newer engines make
    that of all that is mounted below, too. Of the old kind, with which the engine makes the source.
    """
    return {"bind": each.target, "mode": "rw", "propagation": FOLLOWS}


def fits(plan: LaunchPlan, container: Mapping[str, Any]) -> bool:
    """Whether the kept container can run the plan after an update of its limits.

    One without the places where datasets appear runs, unless its owner agreed to a new one.
    """
    labels = container["Config"]["Labels"] or {}
    same = bool(labels.get(LABEL_FINGERPRINT) == plan.fingerprint)
    return same and not (plan.replace and _lacks_places(plan, container))


def differences(plan: LaunchPlan, container: Mapping[str, Any]) -> list[str]:
    """In people's words: what of the plan the kept container (as inspected) cannot become."""
    host = container["HostConfig"]
    requests = host.get("DeviceRequests") or []
    devices = [device for request in requests for device in request.get("DeviceIDs") or []]
    sudo = not any(opt.startswith("no-new-privileges") for opt in host.get("SecurityOpt") or [])
    now = {(each["Target"], each["Source"]) for each in host.get("Mounts") or []}
    wanted = {(each.target, each.source) for each in plan.mounts if not each.follows}
    found = {
        "the image": container["Config"]["Image"] != plan.image_digest,
        "the shared memory": host.get("ShmSize") != plan.shared_memory,
        "the GPUs": sorted(devices) != sorted(plan.gpu_devices),
        "the network": host.get("NetworkMode") != plan.network,
        "whether sudo works": sudo != plan.sudo,
        "the mounts": not wanted <= now or len(now - wanted) > 1,
        "the paths of datasets": _paths(plan, _wanted(plan)) != _paths(plan, _followers(host)),
    }
    return [name for name, differs in found.items() if differs] or ["how it is set up"]


def _lacks_places(plan: LaunchPlan, container: Mapping[str, Any]) -> bool:
    return not _wanted(plan) <= _followers(container["HostConfig"])


def _wanted(plan: LaunchPlan) -> set[tuple[str, str]]:
    return {(each.target, each.source) for each in plan.mounts if each.follows}


def _followers(host: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Target and source of the binds that follow their source."""
    parts = [str(each).rsplit(":", 2) for each in host.get("Binds") or []]
    return {
        (part[1], part[0]) for part in parts if len(part) == 3 and FOLLOWS in part[2].split(",")
    }


def _paths(plan: LaunchPlan, followers: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the instance itself, without the places that every instance has."""
    return {
        (target, source)
        for target, source in followers
        if target not in (plans.DATA, plans.DYNAMIC) and f"/{plan.instance_id}/" in source
    }


def _run_folder_mount(run_folder: str) -> Mount:
    return Mount(TARGET, run_folder, type="bind", read_only=True)


def _union(one: Iterable[str] | None, other: Iterable[str]) -> list[str]:
    return sorted({*(one or ()), *other})
