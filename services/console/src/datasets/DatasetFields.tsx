/** The parts of a dataset that may change later: what people read of it, who writes and who sees it. */
import { Select } from "antd";

import type { DataAccess, Visibility } from "../api/models";
import { useRoles } from "../api/workspaceQueries";
import { ChoiceField, Field, TextField } from "../common/Field";
import { readLabels } from "./paths";
import { ACCESS, VISIBILITIES } from "./words";

export interface DatasetText {
  description: string;
  labels: string;
  access: DataAccess;
  writeRoles: string[];
  mountPath: string;
  visibility: Visibility;
}

interface Props {
  workspace: string;
  /** Of the dataset; the path that it has without one of its own. */
  name: string;
  value: DatasetText;
  onChange: (value: DatasetText) => void;
  /** Whether the user may let everybody see it. */
  publish: boolean;
}

export function DatasetFields({ workspace, name, value, onChange, publish }: Props) {
  const roles = useRoles(workspace, workspace !== "").data ?? [];
  const set = (more: Partial<DatasetText>) => onChange({ ...value, ...more });
  return (
    <>
      <TextField
        label="Description (optional)"
        value={value.description}
        rows={2}
        maxLength={2000}
        onChange={(description) => set({ description })}
      />
      <div className="field-row">
        <ChoiceField
          label="Access"
          value={value.access}
          onChange={(access) => set({ access })}
          options={(Object.keys(ACCESS) as DataAccess[]).map((key) => ({ value: key, label: ACCESS[key] }))}
        />
        <ChoiceField
          label="Visibility"
          value={value.visibility}
          help={VISIBILITIES[value.visibility].text}
          onChange={(visibility) => set({ visibility })}
          options={(Object.keys(VISIBILITIES) as Visibility[])
            .filter((key) => publish || key !== "public" || value.visibility === "public")
            .map((key) => ({ value: key, label: VISIBILITIES[key].label }))}
        />
      </div>
      {value.access === "rw" && (
        <Field label="Roles that may write" help="Who registered it always may.">
          {(id) => (
            <Select
              id={id}
              mode="multiple"
              placeholder="Nobody else"
              value={value.writeRoles}
              onChange={(writeRoles: string[]) => set({ writeRoles })}
              options={roles.map((role) => ({ value: role.name, label: role.name }))}
            />
          )}
        </Field>
      )}
      <div className="field-row">
        <TextField
          label="Labels (optional)"
          value={value.labels}
          problem={readLabels(value.labels).problem}
          placeholder="task=vision, year=2026"
          onChange={(labels) => set({ labels })}
        />
        <TextField
          label="Mount path (optional)"
          value={value.mountPath}
          mono
          maxLength={300}
          placeholder={`/mnt/data/${name || "<name>"}`}
          onChange={(mountPath) => set({ mountPath })}
        />
      </div>
    </>
  );
}
