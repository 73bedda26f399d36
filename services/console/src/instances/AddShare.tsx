/** The line that shares an instance with one more member, or with all. */
import { Alert, AutoComplete, Button, Form, Radio, Select } from "antd";
import { useState } from "react";

import { calls } from "../api/calls";
import type { Access, Instance, Share, SharePut } from "../api/models";
import { sentenceOf } from "../api/problem";
import { useMembers } from "../api/workspaceQueries";
import { useAction } from "../common/useAction";
import { useWorkspace } from "../shell/scope";
import { may } from "../workspace/rights";

interface Props {
  instance: Instance;
  shares: readonly Share[];
}

export function AddShare({ instance, shares }: Props) {
  const workspace = useWorkspace(instance.workspace_id);
  const members = useMembers(instance.workspace_id, may(workspace, "member.read")).data ?? [];
  const [whom, setWhom] = useState<"member" | "all">("member");
  const [user, setUser] = useState("");
  const [access, setAccess] = useState<Access>("view");
  const share = useAction({
    run: (body: SharePut) => calls.putShare(instance.id, body),
    lists: ["shares"],
  });
  const taken = new Set([instance.owner, ...shares.map((item) => item.user)]);
  const others = members.filter((member) => !member.disabled && !taken.has(member.username));
  const name = user.trim();

  function submit(): void {
    if (whom === "member" && !name) return;
    const body = { user: whom === "member" ? name : null, access };
    share.mutate(body, { onSuccess: () => setUser("") });
  }

  return (
    <Form layout="vertical" onFinish={submit} className="add-share">
      <Radio.Group
        aria-label="With whom"
        value={whom}
        onChange={(event) => setWhom(event.target.value as "member" | "all")}
        options={[
          { value: "member", label: "A member" },
          { value: "all", label: "Everybody in the workspace" },
        ]}
      />
      <div className="form-buttons">
        {whom === "member" && (
          <AutoComplete
            className="grow"
            aria-label="Member"
            placeholder="User name"
            popupMatchSelectWidth={240}
            value={user}
            onChange={setUser}
            showSearch={{ filterOption: (text, option) => option?.value.includes(text) ?? false }}
            options={others.map((member) => ({ value: member.username }))}
          />
        )}
        <Select<Access>
          aria-label="Access"
          value={access}
          onChange={setAccess}
          popupMatchSelectWidth={false}
          options={[
            { value: "view", label: "View: look, change nothing" },
            { value: "full", label: "Full: work in it as you do" },
          ]}
        />
        <Button type="primary" htmlType="submit" loading={share.isPending} disabled={whom === "member" && !name}>
          Share
        </Button>
      </div>
      {share.error && (
        <Alert className="spaced" type="error" showIcon role="alert" title={sentenceOf(share.error)} />
      )}
    </Form>
  );
}
