/** The filters above the list of datasets. */
import type { Dataset } from "../api/models";
import { FilterBar, type Choice } from "../common/FilterBar";
import { valuesOf, type Aspect, type DatasetFilters } from "./filters";
import { KINDS, VISIBILITIES } from "./words";

const CHOICES: Choice<Aspect>[] = [
  ["kind", "Where", (value) => KINDS[value] ?? value],
  ["visibility", "Visibility", (value) => VISIBILITIES[value as Dataset["visibility"]].label],
  ["label", "Label"],
];

interface Props {
  datasets: readonly Dataset[];
  filters: DatasetFilters;
  onChange: (filters: DatasetFilters) => void;
}

export function DatasetFilterBar({ datasets, filters, onChange }: Props) {
  return (
    <FilterBar
      what="datasets"
      choices={CHOICES}
      valuesOf={(aspect) => valuesOf(datasets, aspect)}
      filters={filters}
      onText={(text) => onChange({ ...filters, text })}
      onChoice={(aspect, value) => onChange({ ...filters, [aspect]: value })}
    />
  );
}
