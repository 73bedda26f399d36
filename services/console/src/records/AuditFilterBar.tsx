/** The filters above the audit log. */
import { Input, Select } from "antd";

import type { Action, AuditLine } from "../api/models";
import { ACTIONS } from "../workspace/roleTable";

export interface AuditFilters {
  actor: string;
  object: string;
  action: Action | null;
  outcome: AuditLine["outcome"] | null;
  first: string;
  last: string;
}

export const NO_FILTERS: AuditFilters = { actor: "", object: "", action: null, outcome: null, first: "", last: "" };

interface Props {
  filters: AuditFilters;
  onChange: (filters: AuditFilters) => void;
}

export function AuditFilterBar({ filters, onChange }: Props) {
  const set = (change: Partial<AuditFilters>) => onChange({ ...filters, ...change });
  return (
    <div className="filters" role="search" aria-label="Filter the log">
      <Input
        allowClear
        aria-label="Who"
        placeholder="Who"
        value={filters.actor}
        onChange={(event) => set({ actor: event.target.value })}
      />
      <Input
        allowClear
        aria-label="Object"
        placeholder="Object, by its id"
        value={filters.object}
        onChange={(event) => set({ object: event.target.value })}
      />
      <Select<Action | null>
        allowClear
        aria-label="Action"
        placeholder="Action"
        value={filters.action}
        onChange={(action) => set({ action: action ?? null })}
        showSearch={{ optionFilterProp: "label" }}
        popupMatchSelectWidth={false}
        options={(Object.keys(ACTIONS) as Action[]).map((value) => ({ value, label: `${value}: ${ACTIONS[value]}` }))}
      />
      <Select<AuditLine["outcome"] | null>
        allowClear
        aria-label="Outcome"
        placeholder="Outcome"
        value={filters.outcome}
        onChange={(outcome) => set({ outcome: outcome ?? null })}
        options={[
          { value: "done", label: "Done" },
          { value: "denied", label: "Denied" },
        ]}
      />
      <Input
        type="date"
        aria-label="First day"
        value={filters.first}
        max={filters.last}
        onChange={(event) => set({ first: event.target.value })}
      />
      <Input
        type="date"
        aria-label="Last day"
        value={filters.last}
        min={filters.first}
        onChange={(event) => set({ last: event.target.value })}
      />
    </div>
  );
}
