/** The filters above the list of images; one that would not tell images apart is not shown. */
import { Input, Select } from "antd";

import type { Image } from "../api/models";
import { valuesOf, type Aspect, type ImageFilters } from "./filters";
import { SOURCE_LOOKS, USES, VISIBILITIES } from "./words";

const ASPECTS: [Aspect, string, Record<string, { label: string }>?][] = [
  ["source", "Source", SOURCE_LOOKS],
  ["visibility", "Visibility", VISIBILITIES],
  ["framework", "Framework"],
  ["python", "Python"],
  ["cuda", "CUDA"],
  ["use", "Use", USES],
];

interface Props {
  images: readonly Image[];
  filters: ImageFilters;
  onChange: (filters: ImageFilters) => void;
}

export function ImageFilterBar({ images, filters, onChange }: Props) {
  return (
    <div className="filters" role="search" aria-label="Filter images">
      <Input.Search
        allowClear
        className="search"
        placeholder="Search"
        aria-label="Search images"
        value={filters.text}
        onChange={(event) => onChange({ ...filters, text: event.target.value })}
      />
      {ASPECTS.map(([aspect, title, words]) => {
        const values = valuesOf(images, aspect);
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
            options={values.map((value) => ({ value, label: words?.[value]?.label ?? value }))}
          />
        );
      })}
    </div>
  );
}
