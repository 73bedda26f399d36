/** The repositories that instances of a workspace can clone at their start. */
import { PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";

import { assetCalls } from "../api/assetCalls";
import type { CodeSource, Workspace } from "../api/models";
import { usePaged } from "../api/usePaged";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { useAction } from "../common/useAction";
import { useConfirm } from "../common/useConfirm";
import { useUser } from "../shell/me";
import { CodeSourceDialog } from "./CodeSourceDialog";
import { may, mayDeleteCode } from "./rights";

export function CodeSourcesTab({ workspace }: { workspace: Workspace }) {
  const me = useUser();
  const list = usePaged(["codeSources", workspace.id], (cursor, signal) =>
    assetCalls.codeSources(workspace.id, cursor, signal),
  );
  const [adding, setAdding] = useState(false);
  const confirm = useConfirm();
  const remove = useAction({
    run: (source: CodeSource) => assetCalls.deleteCodeSource(source.id),
    lists: ["codeSources"],
    refused: (source) => `“${source.name}” was not deleted`,
  });
  const ask = (source: CodeSource) =>
    confirm({
      title: `Delete the code source “${source.name}”?`,
      content: "What was cloned into instances stays there. The repository itself is not touched.",
      okText: "Delete",
      run: () => remove.mutateAsync(source),
    });
  return (
    <>
      <div className="section-head">
        <h2>Code sources</h2>
        {may(workspace, "code.add") && (
          <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setAdding(true)}>
            Add a repository
          </Button>
        )}
      </div>
      <DataTable
        label="Code sources"
        columns={columns((source) => mayDeleteCode(source, me, workspace), ask)}
        items={list.items}
        error={list.error}
        again={list.again}
        more={list.more}
        keyOf={({ id }) => id}
        rowProps={({ name }) => ({ "aria-label": name })}
        empty={
          <Empty
            title="No code source yet"
            text="A git repository that is registered here can be chosen for an instance, which clones it into its home folder at the start."
          />
        }
      />
      {adding && <CodeSourceDialog workspace={workspace} onClose={() => setAdding(false)} />}
    </>
  );
}

function columns(
  mayDelete: (source: CodeSource) => boolean,
  remove: (source: CodeSource) => void,
): Column<CodeSource>[] {
  return [
    {
      key: "name",
      title: "Name",
      width: "22%",
      render: ({ name, directory }) => (
        <>
          <span className="title">{name}</span>
          <span className="sub">in {directory}</span>
        </>
      ),
    },
    {
      key: "url",
      title: "Repository",
      render: ({ url, ref, credential }) => (
        <>
          <span className="mono">{url}</span>
          <span className="sub">
            {ref || "default branch"}
            {credential && " · with a stored credential"}
          </span>
        </>
      ),
    },
    { key: "owner", title: "Added by", width: "10em", render: ({ owner }) => owner },
    { key: "created", title: "Added", width: "9em", render: ({ created_at }) => <Ago at={created_at} /> },
    {
      key: "actions",
      title: "Actions",
      hideTitle: true,
      width: "1%",
      render: (source) => mayDelete(source) && <Button onClick={() => remove(source)}>Delete</Button>,
    },
  ];
}
