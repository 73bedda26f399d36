"""How a step towards a workspace's file is done."""

from __future__ import annotations

from dsw.client import Client
from dsw.client.workspace_state import by_name, registry_of, seen_datasets, seen_images
from dsw.code_sources import CodeSourceCreate
from dsw.datasets import DatasetChange, DatasetCreate, VersionCreate
from dsw.errors import Conflict, Invalid
from dsw.images import CredentialKind, ImageAdd, ImageChange, ImageLabels
from dsw.manifest.diff import Part, Step
from dsw.manifest.document import RegistryEntry, WorkspaceDocument
from dsw.manifest.state import CodeState, DatasetState, ImageState, MemberState, Settings
from dsw.quota import Quota
from dsw.roles import Role
from dsw.workspaces import MemberPut, RegistryPut, WorkspaceChange, WorkspaceCreate


class Applier:
    """Does steps for one document. Each step is done in full or, when control refuses it, not at
    all, but for an asset that is made anew: it is gone when the making fails."""

    def __init__(self, client: Client, document: WorkspaceDocument) -> None:
        self._client = client
        self._document = document
        self._name = document.name

    def do(self, step: Step) -> None:
        """Do one step; `Conflict` when what it changes is not what it was when it was planned."""
        {
            Part.WORKSPACE: self._workspace,
            Part.REGISTRY: self._registry,
            Part.ROLE: self._role,
            Part.QUOTA: self._quota,
            Part.MEMBER: self._member,
            Part.CODE_SOURCE: self._code,
            Part.IMAGE: self._image,
            Part.DATASET: self._dataset,
        }[step.part](step)

    def _workspace(self, step: Step) -> None:
        after: Settings = step.after
        if step.before is None:
            # Its policy may name roles that do not exist yet; it is set when they do.
            body = WorkspaceCreate(
                name=self._name,
                display_name=after.display_name,
                description=after.description,
                owner=self._owner(),
            )
            self._client.create_workspace(body)
            return
        view = self._client.workspace(self._name)
        now = Settings(
            display_name=view.display_name, description=view.description, policy=view.policy
        )
        self._same(now, step)
        changed = {
            key: getattr(after, key)
            for key in Settings.model_fields
            if getattr(after, key) != getattr(now, key)
        }
        body_of_change = WorkspaceChange(**changed)
        self._client.change_workspace(self._name, body_of_change, if_unchanged=True)

    def _owner(self) -> str | None:
        """The first who is an owner in the file; None: the caller."""
        for name, entry in (self._document.members or {}).items():
            if Role.OWNER in entry.roles and not entry.disabled:
                return name
        return None

    def _same(self, now: object, step: Step) -> None:
        if now != step.before:
            raise Conflict(
                f"The {step.part} {step.key} has changed since it was looked at.",
                "Run the command again.",
            )

    def _registry(self, step: Step) -> None:
        view = self._client.workspace(self._name)
        self._same(registry_of(self._client, view), step)
        if step.after is None:
            self._client.delete_registry(self._name)
            return
        after: RegistryEntry = step.after
        credential = self._credential(view.id, after.credential, CredentialKind.REGISTRY)
        body = RegistryPut.model_validate({**after.model_dump(), "credential": credential})
        self._client.put_registry(self._name, body)

    def _role(self, step: Step) -> None:
        if step.after is None:
            self._client.delete_role(self._name, step.key)
        else:
            self._client.put_role(self._name, step.key, step.after)

    def _quota(self, step: Step) -> None:
        if step.before is not None:
            self._same(self._client.quota(self._name, step.key).quota, step)
        after: Quota = step.after
        self._client.put_quota(self._name, step.key, after, if_unchanged=True)

    def _member(self, step: Step) -> None:
        if step.after is None:
            self._client.remove_member(self._name, step.key)
            return
        after: MemberState = step.after
        body = MemberPut(roles=after.roles, disabled=after.disabled)
        self._client.put_member(self._name, step.key, body)

    def _code(self, step: Step) -> None:
        workspace_id = self._client.workspace(self._name).id
        body = None
        if step.after is not None:
            after: CodeState = step.after
            body = CodeSourceCreate(
                workspace=workspace_id,
                name=step.key,
                url=after.url,
                ref=after.ref,
                directory=after.directory,
                credential=self._credential(workspace_id, after.credential, CredentialKind.GIT),
            )
        if step.before is not None:
            found = by_name(self._client.code_sources(workspace_id), "code sources")
            self._client.delete_code_source(found[step.key].id)
        if body is not None:
            self._client.create_code_source(body)

    def _image(self, step: Step) -> None:
        workspace_id = self._client.workspace(self._name).id
        found = seen_images(self._client, workspace_id)
        before: ImageState | None = step.before
        after: ImageState | None = step.after
        body = None if after is None else self._new_image(workspace_id, step.key, after)
        if before is not None and after is not None and before.reference == after.reference:
            change = ImageChange(
                description=after.description, labels=after.labels, visibility=after.visibility
            )
            self._client.change_image(found[step.key].id, change)
            return
        if before is not None:
            self._client.delete_image(found[step.key].id)
        if body is not None:
            self._client.add_image(body)

    def _new_image(self, workspace_id: str, name: str, after: ImageState) -> ImageAdd:
        entry = (self._document.images or {})[name]
        return ImageAdd(
            workspace=workspace_id,
            name=name,
            description=after.description,
            reference=after.reference,
            credential=self._credential(workspace_id, entry.credential, CredentialKind.REGISTRY),
            labels=None if after.labels == ImageLabels() else after.labels,
            visibility=after.visibility,
        )

    def _dataset(self, step: Step) -> None:
        workspace_id = self._client.workspace(self._name).id
        before: DatasetState | None = step.before
        after: DatasetState | None = step.after
        body = None if after is None else self._new_dataset(workspace_id, step.key, after)
        found = seen_datasets(self._client, workspace_id)
        if before is not None and after is not None and not after.is_in_place_of(before):
            self._change_dataset(found[step.key].id, before, after)
            return
        if before is not None:
            self._client.retire_dataset(found[step.key].id)
        if body is not None:
            self._client.create_dataset(body)

    def _change_dataset(self, dataset_id: str, before: DatasetState, after: DatasetState) -> None:
        if after.uri != before.uri:
            self._client.create_version(dataset_id, VersionCreate(uri=after.uri))
        changed = {
            key: getattr(after, key)
            for key in DatasetState.model_fields
            if key != "uri" and getattr(after, key) != getattr(before, key)
        }
        if changed:
            self._client.change_dataset(dataset_id, DatasetChange(**changed))

    def _new_dataset(self, workspace_id: str, name: str, after: DatasetState) -> DatasetCreate:
        git = after.uri.startswith("git+")
        kind = CredentialKind.GIT if git else CredentialKind.OBJECT_STORE
        return DatasetCreate(
            workspace=workspace_id,
            name=name,
            description=after.description,
            labels=after.labels,
            uri=after.uri or None,
            storage_class=after.storage_class or None,
            credential=self._credential(workspace_id, after.credential, kind),
            access=after.access,
            write_roles=after.write_roles,
            mount_path=after.mount_path or None,
            visibility=after.visibility,
        )

    def _credential(self, workspace_id: str, name: str | None, kind: CredentialKind) -> str | None:
        """The id of the credential with this name."""
        if name is None:
            return None
        found = [item for item in self._client.credentials(workspace_id) if item.kind is kind]
        ids = [item.id for item in found if item.name == name]
        if len(ids) == 1:
            return ids[0]
        known = ", ".join(item.name for item in found) or "none"
        raise Invalid(
            f"The workspace has {len(ids) or 'no'} {kind} credentials called {name!r}.",
            f"There are: {known}. Store one with: dsw credentials add",
        )
