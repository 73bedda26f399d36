/** Where an image comes from, and whether it can be used now. */
import { Tag } from "antd";

import type { Image, ImageSource } from "../api/models";

const LOOKS: Record<ImageSource, { label: string; color: string }> = {
  official: { label: "Official", color: "blue" },
  custom: { label: "Custom", color: "purple" },
  snapshot: { label: "Snapshot", color: "green" },
};

export function SourceTag({ image }: { image: Image }) {
  const { label, color } = LOOKS[image.source];
  return (
    <>
      <Tag color={color}>{label}</Tag>
      {!image.available && <Tag>not built yet</Tag>}
    </>
  );
}
