"""Calls for workspaces, their members and their roles, and who the caller is."""

from __future__ import annotations

from dsw.client.transport import Transport, path_of
from dsw.workspaces import (
    Me,
    MemberPut,
    MemberView,
    RegistryPut,
    RolePut,
    RoleView,
    WorkspaceChange,
    WorkspaceCreate,
    WorkspaceView,
)


class WorkspaceCalls(Transport):
    """Workspaces by id or name, members by user name, roles by name."""

    def me(self) -> Me:
        """Who the token belongs to."""
        return self._one("me", Me)

    def workspaces(self, limit: int | None = None) -> list[WorkspaceView]:
        """The caller's workspaces; all of them for platform administrators."""
        return self._items("workspaces", WorkspaceView, limit=limit)

    def workspace(self, workspace: str) -> WorkspaceView:
        """One workspace."""
        return self._one(path_of("workspaces", workspace), WorkspaceView)

    def create_workspace(self, body: WorkspaceCreate) -> WorkspaceView:
        """Make a workspace; for platform administrators."""
        return self._create("workspaces", WorkspaceView, body)

    def change_workspace(
        self, workspace: str, body: WorkspaceChange, if_unchanged: bool = False
    ) -> WorkspaceView:
        """Change a workspace; what is None stays, a policy is replaced as a whole."""
        path = path_of("workspaces", workspace)
        return self._change("PATCH", path, WorkspaceView, body, if_unchanged)

    def delete_workspace(self, workspace: str) -> None:
        """Delete an empty workspace."""
        self._delete(path_of("workspaces", workspace))

    def put_registry(self, workspace: str, body: RegistryPut) -> WorkspaceView:
        """Have a workspace's snapshots pushed to a registry of its own."""
        path = path_of("workspaces", workspace, "registry")
        return self._change("PUT", path, WorkspaceView, body)

    def delete_registry(self, workspace: str) -> None:
        """Have a workspace's snapshots pushed to the installation's registry again."""
        self._delete(path_of("workspaces", workspace, "registry"))

    def members(self, workspace: str, limit: int | None = None) -> list[MemberView]:
        """The members of a workspace."""
        return self._items(path_of("workspaces", workspace, "members"), MemberView, limit=limit)

    def put_member(self, workspace: str, username: str, body: MemberPut) -> MemberView:
        """Add a member, or set the roles of one in full."""
        path = path_of("workspaces", workspace, "members", username)
        return self._change("PUT", path, MemberView, body)

    def remove_member(self, workspace: str, username: str) -> None:
        """End a membership; the member's data stays."""
        self._delete(path_of("workspaces", workspace, "members", username))

    def roles(self, workspace: str, limit: int | None = None) -> list[RoleView]:
        """The roles of a workspace, built-in ones included."""
        return self._items(path_of("workspaces", workspace, "roles"), RoleView, limit=limit)

    def put_role(self, workspace: str, role: str, body: RolePut) -> RoleView:
        """Make or change a custom role."""
        return self._change("PUT", path_of("workspaces", workspace, "roles", role), RoleView, body)

    def delete_role(self, workspace: str, role: str) -> None:
        """Delete a custom role."""
        self._delete(path_of("workspaces", workspace, "roles", role))
