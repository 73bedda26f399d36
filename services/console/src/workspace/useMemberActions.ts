/** Disable a member, or end a membership, with the question that says what becomes of their instances. */
import type { Member, Workspace } from "../api/models";
import { workspaceCalls } from "../api/workspaceCalls";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";

const LISTS = ["members", "workspaces", "instances", "queue"];

export interface MemberActions {
  setDisabled: (member: Member) => void;
  remove: (member: Member) => void;
}

export function useMemberActions(workspace: Workspace): MemberActions {
  const confirm = useConfirm();
  const put = useAction({
    run: (member: Member) => {
      const { username, roles, disabled } = member;
      return workspaceCalls.putMember(workspace.id, username, { roles, disabled });
    },
    lists: LISTS,
    refused: ({ username, disabled }) => `${username} was not ${disabled ? "disabled" : "enabled"}`,
  });
  const remove = useAction({
    run: (member: Member) => workspaceCalls.removeMember(workspace.id, member.username),
    lists: LISTS,
    refused: (member) => `${member.username} was not removed`,
  });
  const ended = workspace.policy.on_removal === "delete" ? "deleted" : "stopped";
  return {
    setDisabled: (member) => {
      if (member.disabled) return put.mutate({ ...member, disabled: false });
      confirm({
        title: `Disable ${member.username}?`,
        content:
          "They lose all access to this workspace within seconds, and their running instances in it are stopped. Their roles, files and images are kept.",
        okText: "Disable",
        run: () => put.mutateAsync({ ...member, disabled: true }),
      });
    },
    remove: (member) =>
      confirm({
        title: `Remove ${member.username} from “${workspace.display_name}”?`,
        content: `They lose all access within seconds, and by this workspace's policy their instances in it are ${ended}. Their files on the NAS stay.`,
        okText: "Remove",
        run: () => remove.mutateAsync(member),
      }),
  };
}
