"""The mapping from a launch plan to Docker's arguments, as tables and as properties."""

from __future__ import annotations

from typing import Any

import pytest
from docker.types import HostConfig
from docker.types import Mount as DockerMount
from hypothesis import given
from hypothesis import strategies as st
from tests.dsw_spawners.plans import MIB, a_plan

from dsw import names
from dsw.plan import DATA, DYNAMIC, Mount, MountKind
from dsw_spawners import docker_args

FOLDER = "/data/run/instances/x"


def host_of(plan: Any, **settings: Any) -> dict[str, Any]:
    """The host configuration as it is sent to the engine."""
    return dict(HostConfig(version="1.41", **docker_args.host_arguments(plan, FOLDER, settings)))


def as_inspected(plan: Any, **settings: Any) -> dict[str, Any]:
    """What the engine would show of a container made from this plan."""
    create = docker_args.create_arguments(plan, {})
    return {
        "Config": {"Labels": create["labels"], "Image": create["image"]},
        "HostConfig": host_of(plan, **settings),
    }


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ({"cpu": 0.5}, "CpuQuota", 50_000),
        ({"cpu": 2}, "CpuQuota", 200_000),
        ({"memory": 300 * MIB}, "Memory", 300 * MIB),
        ({"memory": 300 * MIB}, "MemorySwap", 300 * MIB),
        ({"pids": 77}, "PidsLimit", 77),
        ({"shared_memory": 9 * MIB}, "ShmSize", 9 * MIB),
        ({"network": "dsw-other"}, "NetworkMode", "dsw-other"),
        ({"sudo": False}, "SecurityOpt", ["no-new-privileges"]),
        ({"sudo": True}, "SecurityOpt", None),
        ({"sudo": False}, "CapAdd", None),
        ({"sudo": True}, "CapAdd", list(docker_args.CAPABILITIES_OF_SUDO)),
        ({}, "CapDrop", ["ALL"]),
        ({}, "RestartPolicy", {"Name": "no"}),
        ({}, "Init", False),
        ({}, "DeviceRequests", None),
    ],
)
def test_a_part_of_the_plan_becomes_an_argument(
    change: dict[str, Any], key: str, value: object
) -> None:
    assert (host_of(a_plan(**change)).get(key) or None) == (value or None)


def test_gpus_are_asked_for_by_their_exact_ids() -> None:
    requests = host_of(a_plan(gpu_devices=["GPU-1", "GPU-2"]))["DeviceRequests"]
    assert len(requests) == 1
    assert requests[0]["DeviceIDs"] == ["GPU-1", "GPU-2"]
    assert requests[0]["Count"] == 0
    assert requests[0]["Capabilities"] == [["gpu"]]


def test_the_image_is_named_by_its_digest_and_the_user_by_number() -> None:
    plan = a_plan()
    create = docker_args.create_arguments(plan, {})
    assert create["image"] == plan.image_digest
    assert create["user"] == "1000:1000"
    assert create["labels"] == {**plan.labels, "dsw.owner": "alice", "dsw.name": "train"}


@pytest.mark.parametrize(("gpus", "said"), [([], "void"), (["GPU-1", "GPU-2"], "GPU-1,GPU-2")])
def test_who_sees_which_gpus_is_the_plans_and_not_the_images(gpus: list[str], said: str) -> None:
    plan = a_plan(gpu_devices=gpus, environment={"NVIDIA_VISIBLE_DEVICES": "all", "LD_AUDIT": "/x"})
    settings = {"environment": {"NVIDIA_VISIBLE_DEVICES": "all"}}
    environment = docker_args.create_arguments(plan, settings)["environment"]
    assert environment.pop("NVIDIA_VISIBLE_DEVICES") == said
    assert {"AMD_VISIBLE_DEVICES", "LD_PRELOAD", "LD_AUDIT"} <= environment.keys()
    assert set(environment.values()) == {None}


def test_a_shell_in_the_instance_shows_its_name_unless_the_operator_says_otherwise() -> None:
    assert docker_args.create_arguments(a_plan(), {})["hostname"] == "train"
    assert docker_args.create_arguments(a_plan(), {"hostname": "gpu1"})["hostname"] == "gpu1"


def test_binds_and_nfs_volumes_become_mounts() -> None:
    options = {"type": "nfs", "o": "addr=nas,rw", "device": ":/export/alice"}
    plan = a_plan(
        mounts=[
            Mount(kind=MountKind.BIND, source="/nas/a", target="/mnt/workspace"),
            Mount(kind=MountKind.BIND, source="/ca", target="/ca", read_only=True),
            Mount(kind=MountKind.VOLUME, source="v", target="/mnt/shared", driver_options=options),
        ]
    )
    mounts = {mount["Target"]: mount for mount in host_of(plan)["Mounts"]}
    assert mounts["/mnt/workspace"]["Source"] == "/nas/a"
    assert not mounts["/mnt/workspace"].get("ReadOnly")
    assert mounts["/ca"]["ReadOnly"]
    assert mounts["/mnt/shared"]["Type"] == "volume"
    volume = mounts["/mnt/shared"]["VolumeOptions"]
    assert volume == {"NoCopy": True, "DriverConfig": {"Name": "local", "Options": options}}
    assert mounts["/run/dsw"]["Source"] == FOLDER
    assert mounts["/run/dsw"]["ReadOnly"]


def test_the_operator_s_settings_hold_where_the_plan_says_nothing() -> None:
    extra = DockerMount("/scratch", "/fast", type="bind")
    host = host_of(
        a_plan(),
        dns=["192.0.2.53"],
        mounts=[extra],
        binds={"/models": {"bind": "/models", "mode": "ro"}},
        cap_add=["SYS_PTRACE"],
        security_opt=["apparmor=dsw"],
    )
    assert host["Dns"] == ["192.0.2.53"]
    assert {mount["Target"] for mount in host["Mounts"]} == {"/scratch", "/run/dsw"}
    assert host["Binds"] == ["/models:/models:ro"]
    assert host["CapAdd"] == ["SYS_PTRACE"]
    assert host["SecurityOpt"] == ["apparmor=dsw", "no-new-privileges"]


def test_the_plan_wins_where_both_speak() -> None:
    mount = Mount(kind=MountKind.BIND, source="/nas/a", target="/mnt/workspace")
    host = host_of(
        a_plan(mounts=[mount]),
        mem_limit="64g",
        cpu_quota=1,
        nano_cpus=8,
        pids_limit=-1,
        network_mode="host",
        auto_remove=True,
        mounts=[DockerMount("/mnt/workspace", "/elsewhere", type="bind")],
        binds={"/etc": {"bind": "/run/dsw", "mode": "rw"}},
    )
    assert host["Memory"] == 512 * MIB
    assert host["CpuQuota"] == 100_000
    assert "NanoCpus" not in host
    assert host["PidsLimit"] == 512
    assert host["NetworkMode"] == "dsw-t"
    assert not host.get("AutoRemove")
    assert not host.get("Binds")
    home = [each for each in host["Mounts"] if each["Target"] == "/mnt/workspace"]
    assert [each["Source"] for each in home] == ["/nas/a"]


NODE = "/var/lib/docker/dsw-t/instances/dsw-aaaabbbbcccc"


def followers(*paths: str) -> list[Mount]:
    """Where every instance sees datasets, and paths of its own."""
    targets = {"data": DATA, "dynamic": DYNAMIC} | {f"paths/{path[1:]}": path for path in paths}
    return [
        Mount(kind=MountKind.BIND, source=f"{NODE}/{name}", target=target, follows=True)
        for name, target in targets.items()
    ]


def test_what_is_mounted_later_is_seen_inside_and_the_engine_makes_its_place() -> None:
    mounts = followers("/data/pets")
    host = host_of(
        a_plan(mounts=mounts),
        binds={"/models": {"bind": "/models", "mode": "ro"}, "/old": {"bind": DATA, "mode": "rw"}},
    )
    assert host["Binds"] == [
        "/models:/models:ro",
        *(f"{each.source}:{each.target}:rw,rslave" for each in mounts),
    ]
    assert {each["Target"] for each in host["Mounts"]} == {"/run/dsw"}


def test_a_container_from_before_datasets_stays_until_its_owner_agrees_to_a_new_one() -> None:
    kept = as_inspected(a_plan(instance_id="dsw-aaaabbbbcccc"))
    for replace, fits in ((False, True), (True, False)):
        plan = a_plan(instance_id="dsw-aaaabbbbcccc", mounts=followers(), replace=replace)
        assert docker_args.fits(plan, kept) is fits
    same = a_plan(instance_id="dsw-aaaabbbbcccc", mounts=followers(), replace=True)
    assert docker_args.fits(same, as_inspected(same))


def test_another_path_of_a_dataset_needs_a_new_container_and_is_named() -> None:
    plan, other = (
        a_plan(instance_id="dsw-aaaabbbbcccc", mounts=followers(*paths))
        for paths in (("/data/pets",), ())
    )
    for one, two in ((plan, other), (other, plan)):
        kept = as_inspected(two, binds={"/x": {"bind": "/y", "mode": "ro,rslave"}})
        assert not docker_args.fits(one, kept)
        assert docker_args.differences(one, kept) == ["the paths of datasets"]


PLANS = st.builds(
    a_plan,
    instance_id=st.just("dsw-" + "a" * 12),
    cpu=st.floats(0.01, 512),
    memory=st.integers(128 * MIB, 2**42),
    shared_memory=st.integers(0, 2**40),
    pids=st.integers(64, 2**20),
    sudo=st.booleans(),
    image_digest=st.sampled_from(["sha256:" + "1" * 64, "r.example/a@sha256:" + "2" * 64]),
    network=st.sampled_from(["dsw-a", "dsw-b"]),
    gpu_devices=st.lists(st.sampled_from(["GPU-1", "GPU-2", "0"]), unique=True),
    mounts=st.lists(
        st.builds(
            Mount,
            kind=st.just(MountKind.BIND),
            source=st.sampled_from(["/a", "/b"]),
            target=st.sampled_from(["/x", "/y"]),
        ),
        unique_by=lambda mount: mount.target,
    ),
)


@given(PLANS)
def test_a_container_fits_the_plan_it_was_made_from(plan: Any) -> None:
    assert docker_args.fits(plan, as_inspected(plan))
    assert docker_args.differences(plan, as_inspected(plan)) == ["how it is set up"]


@given(PLANS, PLANS)
def test_what_does_not_fit_has_a_named_difference(plan: Any, other: Any) -> None:
    kept = as_inspected(other)
    if docker_args.fits(plan, kept):
        assert plan.fingerprint == other.fingerprint
    else:
        named = docker_args.differences(plan, kept)
        assert ("the image" in named) == (plan.image_digest != other.image_digest)
        assert ("the GPUs" in named) == (sorted(plan.gpu_devices) != sorted(other.gpu_devices))
        assert ("whether sudo works" in named) == (plan.sudo != other.sudo)


@given(PLANS)
def test_an_update_says_the_same_as_a_new_container(plan: Any) -> None:
    host = host_of(plan)
    assert docker_args.update_body(plan).items() <= host.items()


@given(
    st.from_regex(names.id_pattern("dsw"), fullmatch=True),
    st.from_regex("[a-z0-9]{1,12}", fullmatch=True),
)
def test_container_names_are_valid_and_tell_instance_and_installation(
    instance_id: str, installation: str
) -> None:
    name = names.container_name(installation, instance_id)
    assert name.removeprefix("dsw-").partition("-") == (installation, "-", instance_id)
    assert len(name) <= 63
    assert name.replace("-", "").isalnum()
