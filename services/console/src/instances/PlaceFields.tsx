/** Where an instance runs, how urgently, and with which code: asked only where there is a choice. */
import type { Workspace } from "../api/models";
import { useCodeSources, useGroups } from "../api/workspaceQueries";
import { ChoiceField } from "../common/Field";
import { may } from "../workspace/rights";
import { DEFAULT_PRIORITY, highestPriority, PRIORITIES } from "./offers";

/** An empty text is no choice: control's own. */
export interface Place {
  group: string;
  priority: number;
  code: string;
}

export const usualPlace = (workspace: Workspace | undefined): Place => ({
  group: "",
  priority: Math.min(DEFAULT_PRIORITY, workspace ? highestPriority(workspace) : 1),
  code: "",
});

interface Props {
  workspace: Workspace | undefined;
  spec: string | undefined;
  place: Place;
  onChange: (place: Place) => void;
  disabled?: boolean;
  /** Leaves out the choice of letting control choose the group. */
  fixedGroup?: boolean;
}

export function PlaceFields({ workspace, spec, place, onChange, disabled = false, fixedGroup }: Props) {
  const groups = useGroups().data ?? [];
  const sources = useCodeSources(workspace?.id ?? "", may(workspace, "code.read")).data ?? [];
  const highest = workspace ? highestPriority(workspace) : 1;
  const choose = (change: Partial<Place>) => onChange({ ...place, ...change });
  return (
    <div className="field-row">
      {groups.length > 1 && (
        <ChoiceField
          label="Resource group"
          value={place.group}
          disabled={disabled}
          onChange={(group) => choose({ group })}
          options={[
            ...(fixedGroup ? [] : [{ value: "", label: "Automatic" }]),
            ...groups.map(({ name, description, specs }) => ({
              value: name,
              label: description ? `${name}: ${description}` : name,
              disabled: spec !== undefined && !specs.includes(spec),
            })),
          ]}
        />
      )}
      {highest > 1 && (
        <ChoiceField
          label="Priority"
          value={place.priority}
          disabled={disabled}
          onChange={(priority) => choose({ priority })}
          options={PRIORITIES.slice(0, Math.max(highest, place.priority)).map((value) => ({
            value,
            label: priorityLabel(value, Math.min(DEFAULT_PRIORITY, highest)),
            disabled: value > highest,
          }))}
        />
      )}
      {(sources.length > 0 || place.code) && (
        <ChoiceField
          label="Code"
          value={place.code}
          disabled={disabled}
          onChange={(code) => choose({ code })}
          options={[
            { value: "", label: "None" },
            ...sources.map(({ id, name, ref }) => ({ value: id, label: ref ? `${name} (${ref})` : name })),
          ]}
        />
      )}
    </div>
  );
}

function priorityLabel(value: number, usual: number): string {
  if (value === usual) return `${value} (usual)`;
  return String(value);
}
