/** Which datasets of the list are shown, by what people choose. Pure. */
import type { Dataset } from "../api/models";

export interface DatasetFilters {
  text: string;
  kind?: string | undefined;
  visibility?: string | undefined;
  label?: string | undefined;
}

export type Aspect = Exclude<keyof DatasetFilters, "text">;

const VALUES: Record<Aspect, (dataset: Dataset) => string[]> = {
  kind: ({ kind }) => [kind],
  visibility: ({ visibility }) => [visibility],
  label: ({ labels }) => Object.entries(labels ?? {}).map(([name, value]) => (value ? `${name}=${value}` : name)),
};

/** The values that the datasets have in an aspect, of which one can be chosen. */
export const valuesOf = (datasets: readonly Dataset[], aspect: Aspect): string[] =>
  [...new Set(datasets.flatMap(VALUES[aspect]))].sort((one, other) => one.localeCompare(other));

export function filtered(datasets: readonly Dataset[], filters: DatasetFilters): Dataset[] {
  const wanted = filters.text.trim().toLowerCase();
  const aspects = (Object.keys(VALUES) as Aspect[]).filter((aspect) => filters[aspect]);
  return datasets.filter(
    (dataset) =>
      aspects.every((aspect) => VALUES[aspect](dataset).includes(filters[aspect] ?? "")) &&
      [dataset.name, dataset.description, dataset.owner, dataset.uri, ...VALUES.label(dataset)]
        .join(" ")
        .toLowerCase()
        .includes(wanted),
  );
}
