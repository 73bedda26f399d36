/** The choice of an image, grouped by where images come from. */
import { Input, Tag } from "antd";
import { useId, useState } from "react";

import type { Image } from "../api/models";
import { Choices, type Choice } from "../common/Choices";
import { formatAgo, formatBytes } from "../common/format";
import { useNow } from "../common/useNow";
import { grouped } from "../images/order";
import { canStart } from "./states";

const SEARCH_FROM = 7;

interface Props {
  images: readonly Image[];
  value: string | undefined;
  onChange: (id: string) => void;
}

export function ImagePicker({ images, value, onChange }: Props) {
  const name = useId();
  const now = useNow();
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const shown = images.filter(
    (image) => image.id === value || `${image.name} ${image.description}`.toLowerCase().includes(wanted),
  );
  const names = new Map(images.map((image) => [image.id, image.name]));
  return (
    <div className="picker">
      {images.length >= SEARCH_FROM && (
        <Input.Search
          allowClear
          placeholder="Search images"
          aria-label="Search images"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      )}
      {grouped(shown).map((group) => (
        <Choices
          key={group.source}
          legend={group.title}
          name={name}
          value={value}
          onChange={onChange}
          choices={group.images.map((image) => choiceOf(image, names, now))}
        />
      ))}
    </div>
  );
}

function choiceOf(image: Image, names: ReadonlyMap<string, string>, now: number): Choice {
  const parent = image.parent_id ? names.get(image.parent_id) : undefined;
  const facts = [
    image.size != null ? formatBytes(image.size) : undefined,
    parent && `from ${parent}`,
    image.source === "official" ? undefined : formatAgo(image.created_at, now),
  ].filter(Boolean);
  return {
    value: image.id,
    label: image.name,
    disabled: !canStart(image),
    body: (
      <>
        <span className="choice-title">
          {image.name}
          {!image.available && <Tag className="choice-tag">not built yet</Tag>}
          {image.use === "job" && <Tag className="choice-tag">for jobs only</Tag>}
        </span>
        {image.description && <span className="choice-text">{image.description}</span>}
        <span className="choice-facts">{facts.join(" · ")}</span>
      </>
    ),
  };
}
