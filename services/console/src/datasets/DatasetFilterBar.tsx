/** The filters above the list of datasets; one that would not tell datasets apart is not shown. */
import { Input, Select } from "antd";

import type { Dataset } from "../api/models";
import { valuesOf, type Aspect, type DatasetFilters } from "./filters";
import { KINDS, VISIBILITIES } from "./words";

const ASPECTS: [Aspect, string, (value: string) => string][] = [
  ["kind", "Where", (value) => KINDS[value] ?? value],
  ["visibility", "Visibility", (value) => VISIBILITIES[value as Dataset["visibility"]].label],
  ["label", "Label", (value) => value],
];

interface Props {
  datasets: readonly Dataset[];
  filters: DatasetFilters;
  onChange: (filters: DatasetFilters) => void;
}

export function DatasetFilterBar({ datasets, filters, onChange }: Props) {
  return (
    <div className="filters" role="search" aria-label="Filter datasets">
      <Input.Search
        allowClear
        className="search"
        placeholder="Search"
        aria-label="Search datasets"
        value={filters.text}
        onChange={(event) => onChange({ ...filters, text: event.target.value })}
      />
      {ASPECTS.map(([aspect, title, labelOf]) => {
        const values = valuesOf(datasets, aspect);
        if (values.length < 2 && !filters[aspect]) return null;
        return (
          <Select
            key={aspect}
            allowClear
            aria-label={title}
            placeholder={title}
            value={filters[aspect] ?? null}
            onChange={(value: string | null) => onChange({ ...filters, [aspect]: value ?? undefined })}
            popupMatchSelectWidth={false}
            options={values.map((value) => ({ value, label: labelOf(value) }))}
          />
        );
      })}
    </div>
  );
}
