"""What a resource group has: as `dsw.toml` says, else as the engine's host has it."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
from sqlalchemy import text
from tests.dsw_control.conftest import MakeControl
from tests.dsw_control.starts import GPUS, ROOMY, SPECS, create

from dsw.errors import EngineFailed, Forbidden, Invalid, NotFound, PreconditionFailed, Unavailable
from dsw.quota import Limits, Quota
from dsw.resources import Capacity, Device
from dsw.settings import Settings
from dsw_control.auth import Caller
from dsw_control.capacity import groups, quotas
from dsw_control.context import Control
from dsw_control.engines import nvml
from dsw_control.engines.docker import DockerEngine
from dsw_control.etags import etag
from dsw_control.store.tables import Member

GIB = 1024**3
HOST = Capacity(cpu=64, memory=512 * GIB, devices=[Device(id="GPU-x", type="A100-SXM4-40GB")])
ROOT = Caller(name="root", admin=True)
PLACE = ("default", "local")


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


def test_what_is_not_said_is_what_the_host_has() -> None:
    conf = settings()
    assert groups.capacity_of(conf, conf.resource_groups[0], HOST) == HOST


def test_what_is_said_replaces_what_was_found() -> None:
    conf = settings(
        resource_groups=[{"name": "a", "cpu": 8}, {"name": "b", "memory": "64GiB"}],
        gpus=[
            {"id": "GPU-1", "type": "A100"},
            {"id": "GPU-2", "type": "T4", "shares": 4, "resource_group": "b"},
        ],
    )
    first, second = (groups.capacity_of(conf, group, HOST) for group in conf.resource_groups)
    assert (first.cpu, first.memory) == (8, 512 * GIB)
    assert first.devices == [Device(id="GPU-1", type="A100")]
    assert (second.cpu, second.memory) == (64, 64 * GIB)
    assert second.devices == [Device(id="GPU-2", type="T4", shares=4)]
    assert groups.allowed(conf.resource_groups[1], second)["gpu:T4"] == 4


def test_overcommitment_is_for_cpu_and_memory_only() -> None:
    conf = settings(resource_groups=[{"name": "a", "cpu_overcommit": 2, "memory_overcommit": 1.5}])
    assert groups.allowed(conf.resource_groups[0], HOST) == {
        "cpu": 128,
        "memory": 768 * GIB,
        "gpu:A100-SXM4-40GB": 1,
    }


async def test_a_capacity_that_changes_is_followed(make_control: MakeControl) -> None:
    control: Control = await make_control(specs=SPECS)

    async def grown() -> Capacity:
        return Capacity(cpu=99, memory=GIB)

    async def lost() -> Capacity:
        raise EngineFailed("The engine does not answer.")

    control.engine.capacity = grown  # type: ignore[method-assign]
    await groups.refresh(control)
    (view,) = await quotas.list_groups(control, ROOT)
    assert (view.allowed["cpu"], view.discovered) == (396, True)
    control.engine.capacity = lost  # type: ignore[method-assign]
    await groups.refresh(control)
    (view,) = await quotas.list_groups(control, ROOT)
    assert view.allowed["cpu"] == 396, "the last that was seen holds while the engine is away"


async def test_before_the_engine_ever_answered_nothing_starts(make_control: MakeControl) -> None:
    control = await make_control(specs=SPECS)
    async with control.db.write() as session:
        await session.execute(text("DELETE FROM resource_groups"))
    with pytest.raises(Unavailable, match="It is not known yet what the resource group 'local'"):
        await create(control, "ada", "cpu")


async def test_a_start_takes_the_group_that_offers_its_spec(make_control: MakeControl) -> None:
    both = [{"name": "cpus", "specs": ["cpu", "gpu"], "cpu": 8}, {"name": "gpus", "cpu": 8}]
    gpus = [{**gpu, "resource_group": "gpus"} for gpu in GPUS]
    control = await make_control(specs=SPECS, resource_groups=both, gpus=gpus)
    assert (await create(control, "ada", "cpu")).resource_group == "cpus"
    assert (await create(control, "ada", "gpu")).resource_group == "gpus"
    with pytest.raises(
        Invalid, match=r"'cpus' does not offer the spec 'two'.*Groups that do: gpus"
    ):
        await create(control, "ada", "two", resource_group="cpus")
    with pytest.raises(Invalid, match="Choose one of: cpus, gpus"):
        await create(control, "ada", "gpu", resource_group="moon")


async def test_groups_show_what_is_free(make_control: MakeControl) -> None:
    shared = {"id": "GPU-s", "type": "T4", "shares": 3}
    control = await make_control(**ROOMY, gpus=[*GPUS, shared])
    for spec in ("gpu", "share", "two", "gpu", "gpu"):
        await create(control, "ada", spec)
    (view,) = await quotas.list_groups(control, Caller(name="ada"))
    assert [(gpu.type, gpu.total, gpu.free, gpu.shares) for gpu in view.gpus] == [
        ("A100", 4, 0, 1),
        ("T4", 3, 2, 3),
    ]
    assert view.used["gpu:A100"] == 4
    assert view.waiting == 1


async def join(control: Control, name: str, role: str) -> Caller:
    async with control.db.write() as session:
        (workspace,) = (await session.execute(text("SELECT id FROM workspaces"))).scalars()
        session.add(
            Member(
                workspace_id=workspace,
                username=name,
                roles=[role],
                group_roles=[],
                added_at=control.clock(),
            )
        )
    return Caller(name=name)


async def test_admins_divide_what_platform_administrators_give(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    admin = await join(control, "anna", "admin")
    given = Quota(limits=Limits(cpu=64), storage=GIB)
    await quotas.put_quota(control, ROOT, PLACE, given, None)
    divided = given.model_copy(update={"per_member": Limits(cpu=8)})
    view = await quotas.put_quota(control, admin, PLACE, divided, None)
    assert view.quota == divided
    for more in (
        divided.model_copy(update={"limits": Limits(cpu=65)}),
        divided.model_copy(update={"limits": Limits()}),
        divided.model_copy(update={"storage": None}),
        divided.model_copy(update={"per_band": {"low": Limits(cpu=99)}}),
    ):
        with pytest.raises(Forbidden, match="given by platform administrators"):
            await quotas.put_quota(control, admin, PLACE, more, None)
    with pytest.raises(Forbidden):
        await quotas.delete_quota(control, admin, PLACE)
    assert (await quotas.get_quota(control, admin, PLACE)).quota == divided


async def test_developers_read_quotas_and_strangers_see_none(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    developer = await join(control, "dora", "developer")
    stranger = Caller(name="mallory")
    assert len(await quotas.list_quotas(control, developer, "default")) == 1
    quota = Quota(per_member=Limits(cpu=99))
    with pytest.raises(Forbidden):
        await quotas.put_quota(control, developer, PLACE, quota, None)
    for attempt in (
        quotas.list_quotas(control, stranger, "default"),
        quotas.put_quota(control, stranger, PLACE, quota, None),
        quotas.delete_quota(control, stranger, PLACE),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_a_quota_that_changed_meanwhile_is_not_overwritten(
    make_control: MakeControl,
) -> None:
    control = await make_control(**ROOMY)
    seen = etag(quotas.as_given(await quotas.get_quota(control, ROOT, PLACE)))
    await create(control, "ada", "cpu")
    await quotas.put_quota(control, ROOT, PLACE, Quota(limits=Limits(cpu=1)), seen)
    with pytest.raises(PreconditionFailed):
        await quotas.put_quota(control, ROOT, PLACE, Quota(limits=Limits(cpu=2)), seen)


async def test_without_a_quota_a_workspace_uses_nothing(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    await quotas.delete_quota(control, ROOT, PLACE)
    with pytest.raises(NotFound, match="'default' has no quota in the resource group 'local'"):
        await quotas.get_quota(control, ROOT, PLACE)
    await quotas.put_quota(control, ROOT, PLACE, Quota(), None)
    assert (await create(control, "ada", "cpu")).state == "ResourceAllocating"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("NVIDIA A100-SXM4-40GB", "A100-SXM4-40GB"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "A100-SXM4-40GB-MIG-1g.5gb"),
        ("Tesla T4", "Tesla-T4"),
        ("NVIDIA GeForce RTX 4090", "GeForce-RTX-4090"),
    ],
)
def test_a_gpus_type_is_one_word(name: str, word: str) -> None:
    assert nvml.type_of(name) == word


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="this machine has a driver")
def test_a_machine_without_a_driver_has_no_gpus() -> None:
    assert nvml.devices() == []


class Driver(SimpleNamespace):
    """NVML as a machine with one whole GPU and one that is divided would have it: there is no GPU
    where the tests run."""

    NVMLError = pynvml.NVMLError
    NVML_DEVICE_MIG_ENABLE = pynvml.NVML_DEVICE_MIG_ENABLE
    shut = False

    def nvmlInit(self) -> None: ...

    def nvmlShutdown(self) -> None:
        self.shut = True

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"gpu{index}"

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:
        if handle == "gpu0":
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:
        return 3

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: str, index: int) -> str:
        if index == 2:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return f"{handle}-{index}"

    def nvmlDeviceGetUUID(self, handle: str) -> bytes:
        return f"{'MIG' if '-' in handle else 'GPU'}-{handle}".encode()

    def nvmlDeviceGetName(self, handle: str) -> str:
        return "NVIDIA A100-SXM4-40GB MIG 3g.20gb" if "-" in handle else "NVIDIA A100-SXM4-40GB"


def test_mig_slices_are_devices_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    monkeypatch.setattr(nvml, "pynvml", driver)
    sliced = "A100-SXM4-40GB-MIG-3g.20gb"
    assert nvml.devices() == [
        Device(id="GPU-gpu0", type="A100-SXM4-40GB"),
        Device(id="MIG-gpu1-0", type=sliced),
        Device(id="MIG-gpu1-1", type=sliced),
    ]
    assert driver.shut


@pytest.mark.docker
async def test_the_engine_says_what_its_host_has() -> None:
    engine = DockerEngine(settings())
    try:
        capacity = await engine.capacity()
    finally:
        await engine.close()
    assert capacity.cpu == os.cpu_count()
    assert capacity.memory > GIB
