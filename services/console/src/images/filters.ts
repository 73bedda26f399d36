/** Which images of the list are shown, by what people choose. Pure. */
import type { Image } from "../api/models";

export interface ImageFilters {
  text: string;
  source?: string | undefined;
  visibility?: string | undefined;
  framework?: string | undefined;
  python?: string | undefined;
  cuda?: string | undefined;
  use?: string | undefined;
}

export type Aspect = Exclude<keyof ImageFilters, "text">;

const VALUE: Record<Aspect, (image: Image) => string> = {
  source: ({ source }) => source,
  visibility: ({ visibility }) => visibility,
  framework: ({ labels }) => labels.framework,
  python: ({ labels }) => labels.python,
  cuda: ({ labels }) => labels.cuda,
  use: ({ use }) => use,
};

/** The values that the images have in an aspect, of which one can be chosen. */
export function valuesOf(images: readonly Image[], aspect: Aspect): string[] {
  const values = new Set(images.map(VALUE[aspect]).filter(Boolean));
  return [...values].sort((one, other) => one.localeCompare(other, undefined, { numeric: true }));
}

export function filtered(images: readonly Image[], filters: ImageFilters): Image[] {
  const wanted = filters.text.trim().toLowerCase();
  const aspects = (Object.keys(VALUE) as Aspect[]).filter((aspect) => filters[aspect]);
  return images.filter(
    (image) =>
      aspects.every((aspect) => VALUE[aspect](image) === filters[aspect]) &&
      [image.name, image.description, image.owner ?? "", image.reference, ...Object.values(image.labels)]
        .join(" ")
        .toLowerCase()
        .includes(wanted),
  );
}
