/** Change a quota: what platform administrators give, and the caps by which the workspace divides it. */
import { DeleteOutlined } from "@ant-design/icons";
import { Button, InputNumber } from "antd";
import { useState } from "react";

import type { Limits, Quota, QuotaView, ResourceGroup, Workspace } from "../api/models";
import { Problem } from "../api/problem";
import { changeUnlessChanged, sameJson } from "../api/unchanged";
import { workspaceCalls } from "../api/workspaceCalls";
import { FormDialog } from "../common/FormDialog";
import { useAction } from "../common/useAction";
import { AddCap } from "./AddCap";
import { gpuTypes } from "./quotaBars";
import { fieldsOf, GIB, rowsOf, valueOf, withLimits, withoutRow, withValue, type Field, type Row } from "./quotaEdit";
import { may } from "./rights";

interface Props {
  workspace: Workspace;
  view: QuotaView;
  group: ResourceGroup | undefined;
  onClose: () => void;
}

export function QuotaDialog({ workspace, view, group, onClose }: Props) {
  const { resource_group } = view;
  const [seen] = useState(view.quota);
  const [quota, setQuota] = useState(view.quota);
  const gives = may(workspace, "quota.change");
  const change = useAction({
    run: (body: Quota) =>
      changeUnlessChanged({
        read: () => workspaceCalls.readQuota(workspace.id, resource_group).catch(noneYet),
        isSame: (now) => sameJson(now?.quota ?? {}, seen),
        write: (tag) => workspaceCalls.putQuota(workspace.id, resource_group, body, tag),
      }),
    lists: ["quotas", "queue"],
  });
  const fields = fieldsOf(gpuTypes(view, group));
  return (
    <FormDialog
      title={`Quota of “${workspace.display_name}” in ${resource_group}`}
      okText="Change"
      onSubmit={() => change.mutate(quota, { onSuccess: onClose })}
      onClose={onClose}
      pending={change.isPending}
      error={change.error}
      disabled={sameJson(quota, seen)}
      width={860}
    >
      <p className="quiet">
        An empty field is no limit, 0 is nothing at all. All limits that concern a start must hold, so
        the strictest decides. What runs goes on.
        {!gives && " What the workspace as a whole may use is given by platform administrators."}
      </p>
      <div className="scrolled">
        <table className="grid-table numbers">
          <thead>
            <tr>
              <th scope="col">Limit of</th>
              {fields.map(({ field, title }) => (
                <th key={field} scope="col">
                  {title}
                </th>
              ))}
              <th aria-hidden="true" />
            </tr>
          </thead>
          <tbody>
            {rowsOf(quota).map((row) => (
              <LimitsRow
                key={row.key}
                row={row}
                fields={fields}
                disabled={row.given && !gives}
                onChange={(limits) => setQuota(withLimits(quota, row.key, limits))}
                onRemove={() => setQuota(withoutRow(quota, row.key))}
              />
            ))}
          </tbody>
        </table>
      </div>
      <AddCap workspace={workspace} quota={quota} gives={gives} onChange={setQuota} />
      <label className="inline-field">
        Storage in GiB
        <InputNumber
          min={0}
          disabled={!gives}
          placeholder="no limit"
          value={quota.storage == null ? null : Number((quota.storage / GIB).toFixed(3))}
          onChange={(value) => setQuota({ ...quota, storage: value === null ? null : Math.round(value * GIB) })}
        />
      </label>
    </FormDialog>
  );
}

/** A group of which the workspace has no quota yet is one that nobody has changed. */
function noneYet(error: unknown): { data: undefined; tag: null } {
  if (error instanceof Problem && error.status === 404) return { data: undefined, tag: null };
  throw error;
}

interface RowProps {
  row: Row;
  fields: { field: Field; title: string; whole: boolean }[];
  disabled: boolean;
  onChange: (limits: Limits) => void;
  onRemove: () => void;
}

function LimitsRow({ row, fields, disabled, onChange, onRemove }: RowProps) {
  return (
    <tr>
      <th scope="row">{row.title}</th>
      {fields.map(({ field, title, whole }) => (
        <td key={field}>
          <InputNumber
            aria-label={`${row.title}: ${title}`}
            min={0}
            {...(whole ? { precision: 0 } : {})}
            controls={false}
            disabled={disabled}
            placeholder="–"
            value={valueOf(row.limits, field)}
            onChange={(value) => onChange(withValue(row.limits, field, value))}
          />
        </td>
      ))}
      <td>
        {row.removable && !disabled && (
          <Button
            type="text"
            aria-label={`Take the limit of ${row.title} away`}
            icon={<DeleteOutlined aria-hidden />}
            onClick={onRemove}
          />
        )}
      </td>
    </tr>
  );
}
