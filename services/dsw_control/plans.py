"""Launch plans for the spawner: whether a server may start, and how."""

from __future__ import annotations

from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.apps import App, merged
from dsw.errors import Conflict, DswError, Invalid
from dsw.instances import Desired, InstanceState, Reason
from dsw.names import check_server_name, network_name
from dsw.plan import HOME, SHARED, LaunchPlan, Mount, MountKind, PlanRequest
from dsw.roles import Action
from dsw.specs import Spec
from dsw.workspaces import Policy
from dsw_control.access import require
from dsw_control.assets import code_sources, images
from dsw_control.auth import Caller
from dsw_control.ca_bundle import BUNDLE, bundle_path
from dsw_control.capacity import queue
from dsw_control.capacity.admission import is_held, leased
from dsw_control.capacity.groups import group_for
from dsw_control.context import Control
from dsw_control.data import mount_starts
from dsw_control.history import tell
from dsw_control.instance_rows import is_being_saved, new_row, spec_named, want
from dsw_control.records.folder_limits import folder_of, hold
from dsw_control.records.storage import SHARED as SHARED_OWNER
from dsw_control.reports import note_failure, record_from_hub
from dsw_control.store.tables import Image, Instance, Workspace
from dsw_control.tenancy import workspaces
from dsw_control.tenancy.policies import check_start

CA_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)


async def make_plan(control: Control, request: PlanRequest) -> LaunchPlan:
    """Admit the start of a named server and say how it is done; refused with the reason.

    A server that control does not know was started on the hub's own page: it is registered here.
    """
    if not request.name:
        raise Invalid(
            "This workbench has named instances only.",
            f"Create one at {control.settings.service_prefix}",
        )
    # Their first visit may be to the hub's own page.
    await workspaces.welcome(control, request.owner)
    plan: LaunchPlan | None = None
    folders: list[str] = []
    async with control.db.write() as session:
        row = await _known(session, request)
        if row is None:
            row = await _register(session, control, request)
        elif row.desired == Desired.DELETED:
            raise Conflict(f"{row.display_name!r} is being deleted.", "Use another name.")
        if _taken_back(row, request):
            # Counted all the same: the hub keeps these options, and a later start may bring them.
            row.attempt += 1
        else:
            _check_options(row, request)
            if row.desired != Desired.RUNNING and await is_being_saved(session, row.id):
                raise Conflict(
                    f"{row.display_name!r} is being saved as an image.",
                    "Start it when that has ended, or cancel the saving.",
                )
            plan, folders = await _begin_attempt(session, control, row)
    if plan is None:
        raise Conflict("The start was taken back before it began.", "Start it again.")
    tell(control, row)
    try:
        await control.engine.make_folders(folders)
        plan = await mount_starts.bring(control, plan)
    except mount_starts.DatasetMissing as error:
        await note_failure(control, row.id, Reason.DATASET_UNREACHABLE, error.sentence)
        raise
    except DswError as error:
        await note_failure(control, row.id, Reason.ENGINE_FAILED, error.sentence)
        raise
    for owner in (row.owner, SHARED_OWNER):
        await hold(control, row.workspace_id, owner)
    return plan


async def _begin_attempt(
    session: AsyncSession, control: Control, row: Instance
) -> tuple[LaunchPlan, list[str]]:
    """The plan of a new attempt, reserved and counted, and the folders that it needs."""
    image = await session.get_one(Image, row.image_id)
    workspace = await session.get_one(Workspace, row.workspace_id)
    await check_start(session, row.owner, workspace, Spec.model_validate(row.spec), image)
    if row.desired != Desired.RUNNING:
        want(control, row, Desired.RUNNING, InstanceState.CREATING)
        row.attempts = 0
        record_from_hub(session, control, row, "start")
    if not await is_held(session, row.id):
        # The hub waits for the plan: who starts a server on its page cannot wait in the queue.
        await queue.enter(session, control, row, wait=False)
    row.attempt += 1
    row.asked, row.failure = True, ""
    row.changed_at = control.clock()
    await mount_starts.prepare(session, control, row)
    plan = plan_of(control, row, image, workspace, await leased(session, row.id)).model_copy(
        update={
            "registry_login": await images.login_for(session, control, image),
            "code": await code_sources.checkout_for(session, control, row),
        }
    )
    return plan, [_home(workspace, row.owner), _shared(workspace)]


def _taken_back(row: Instance, request: PlanRequest) -> bool:
    """Whether control asked the hub for this start, and its owner pressed stop meanwhile."""
    return request.options.attempt == row.attempt + 1 and row.desired != Desired.RUNNING


def plan_of(
    control: Control, row: Instance, image: Image, workspace: Workspace, gpus: list[str]
) -> LaunchPlan:
    """The plan of the instance as it is, without the secrets of a start."""
    spec = Spec.model_validate(row.spec)
    settings = control.settings
    mounts = [
        _mount(control, _home(workspace, row.owner), HOME),
        _mount(control, _shared(workspace), SHARED),
    ]
    home = str(PurePosixPath(settings.nas_root) / _home(workspace, row.owner))
    seen_home = HOME if control.engine.isolated else home
    environment = {
        "DSW_INSTANCE_ID": row.id,
        "DSW_INSTANCE_NAME": row.name,
        "DSW_WORKSPACE": workspace.name,
        "DSW_CONTROL_URL": f"{settings.control_url}{settings.service_prefix}".rstrip("/"),
        "DSW_SPEC_CPU": f"{spec.cpu:g}",
        "DSW_SPEC_MEMORY": str(spec.memory),
        # Instances share the home: Lab would open one's terminals and kernels in another.
        "JUPYTERLAB_WORKSPACES_DIR": f"{seen_home}/.jupyter/lab/workspaces/{row.id}",
    }
    if settings.vscode.gallery:
        environment["DSW_VSCODE_GALLERY"] = settings.vscode.gallery
        environment["DSW_VSCODE_EXTENSIONS"] = ",".join(settings.vscode.extensions)
    if control.engine.isolated:
        environment["HOME"] = HOME
    if settings.images.ca_file and control.engine.isolated:
        source = str(bundle_path(settings))
        mounts.append(Mount(kind=MountKind.BIND, source=source, target=BUNDLE, read_only=True))
        environment |= dict.fromkeys(CA_VARIABLES, BUNDLE)
    return LaunchPlan(
        installation=settings.installation,
        instance_id=row.id,
        attempt=row.attempt,
        owner=row.owner,
        name=row.name,
        workspace_id=row.workspace_id,
        image_id=image.id,
        image_name=image.name,
        image_reference=image.reference,
        image_digest=image.digest,
        apps=merged([App.model_validate(app) for app in image.apps], settings.apps),
        cpu=spec.cpu,
        memory=spec.memory,
        shared_memory=spec.shared_memory,
        pids=spec.pids,
        gpu_devices=gpus,
        environment=environment,
        mounts=mounts,
        home=home,
        network=network_name(settings.installation),
        sudo=Policy.model_validate(workspace.policy).sudo,
        replace=row.replace,
    )


def _mount(control: Control, folder: str, target: str) -> Mount:
    kind, source, options = control.engine.mount_source(folder)
    return Mount(kind=MountKind(kind), source=source, target=target, driver_options=options)


def _home(workspace: Workspace, owner: str) -> str:
    """The folder of a user in a workspace, below the NAS root."""
    return folder_of(workspace.id, owner)


def _shared(workspace: Workspace) -> str:
    return folder_of(workspace.id, SHARED_OWNER)


async def _known(session: AsyncSession, request: PlanRequest) -> Instance | None:
    row: Instance | None = await session.scalar(
        select(Instance).where(
            Instance.owner == request.owner,
            Instance.name == request.name,
            Instance.deleted_at.is_(None),
        )
    )
    return row


async def _register(session: AsyncSession, control: Control, request: PlanRequest) -> Instance:
    caller = Caller(name=request.owner)
    options = request.options
    workspace = await workspaces.find(session, caller, options.workspace)
    await require(session, caller, workspace.id, Action.INSTANCE_USE_OWN)
    image_id = options.image or (await images.first_official(session, control, workspace.id)).id
    image = await images.usable(session, control, caller, workspace.id, image_id)
    spec = spec_named(control, options.spec or control.settings.specs[0].name)
    row = new_row(control, request.owner, check_server_name(request.name), workspace.id)
    row.display_name = request.name
    row.image_id, row.image_name = image.id, image.name
    row.spec = spec.model_dump(mode="json")
    row.resource_group = await group_for(session, control, spec, None)
    session.add(row)
    await session.flush()
    record_from_hub(session, control, row, "create")
    return row


def _check_options(row: Instance, request: PlanRequest) -> None:
    """The hub keeps the options of an old start; only those that still fit are let pass."""
    options = request.options
    asked = (("image", options.image, row.image_id), ("spec", options.spec, row.spec["name"]))
    for what, wanted, is_now in asked:
        if wanted is not None and wanted != is_now:
            raise Conflict(
                f"{row.display_name!r} has another {what}.",
                "Change it in the console, then start it without options.",
            )
