/** The filters above the list of images. */
import type { Image } from "../api/models";
import { FilterBar, type Choice } from "../common/FilterBar";
import { valuesOf, type Aspect, type ImageFilters } from "./filters";
import { SOURCE_LOOKS, USES, VISIBILITIES } from "./words";

const by = (words: Record<string, { label: string }>) => (value: string) => words[value]?.label ?? value;

const CHOICES: Choice<Aspect>[] = [
  ["source", "Source", by(SOURCE_LOOKS)],
  ["visibility", "Visibility", by(VISIBILITIES)],
  ["framework", "Framework"],
  ["python", "Python"],
  ["cuda", "CUDA"],
  ["use", "Use", by(USES)],
];

interface Props {
  images: readonly Image[];
  filters: ImageFilters;
  onChange: (filters: ImageFilters) => void;
}

export function ImageFilterBar({ images, filters, onChange }: Props) {
  return (
    <FilterBar
      what="images"
      choices={CHOICES}
      valuesOf={(aspect) => valuesOf(images, aspect)}
      filters={filters}
      onText={(text) => onChange({ ...filters, text })}
      onChoice={(aspect, value) => onChange({ ...filters, [aspect]: value })}
    />
  );
}
