/** The search and the choices above a list; a choice that would tell nothing apart is not shown. */
import { Input, Select } from "antd";

/** What a list can be narrowed by: its key in the filters, its title, how a value reads. */
export type Choice<Key extends string> = readonly [
  key: Key,
  title: string,
  labelOf?: ((value: string) => string) | undefined,
];

type Filters<Key extends string> = { text: string } & Partial<Record<Key, string | undefined>>;

interface Props<Key extends string> {
  /** What is listed, in the plural. */
  what: string;
  choices: readonly Choice<Key>[];
  valuesOf: (key: Key) => string[];
  filters: Filters<Key>;
  onText: (text: string) => void;
  onChoice: (key: Key, value: string | undefined) => void;
}

export function FilterBar<Key extends string>({ what, choices, valuesOf, filters, onText, onChoice }: Props<Key>) {
  return (
    <div className="filters" role="search" aria-label={`Filter ${what}`}>
      <Input.Search
        allowClear
        className="search"
        placeholder="Search"
        aria-label={`Search ${what}`}
        value={filters.text}
        onChange={(event) => onText(event.target.value)}
      />
      {choices.map(([key, title, labelOf]) => {
        const values = valuesOf(key);
        const chosen = filters[key] as string | undefined;
        if (values.length < 2 && !chosen) return null;
        return (
          <Select
            key={key}
            allowClear
            aria-label={title}
            placeholder={title}
            value={chosen ?? null}
            onChange={(value: string | null) => onChoice(key, value ?? undefined)}
            popupMatchSelectWidth={false}
            options={values.map((value) => ({ value, label: labelOf?.(value) ?? value }))}
          />
        );
      })}
    </div>
  );
}
