/** Where an image comes from, who sees it, and whether an instance can start from it now. */
import { Tag } from "antd";

import type { Image } from "../api/models";
import { SOURCE_LOOKS, VISIBILITIES } from "./words";

export function ImageTags({ image }: { image: Image }) {
  const { label, color } = SOURCE_LOOKS[image.source];
  return (
    <span className="tags">
      <Tag color={color}>{label}</Tag>
      {image.tag && <Tag className="mono">{image.tag}</Tag>}
      {image.source !== "official" && <Tag>{VISIBILITIES[image.visibility].label}</Tag>}
      {image.use === "job" && <Tag color="gold">Jobs only</Tag>}
      {!image.available && <Tag>{image.source === "official" ? "not built yet" : "not there"}</Tag>}
    </span>
  );
}
