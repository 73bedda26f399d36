/** All about one image: what it can run, who uses it, and its family. */
import { DeleteOutlined, EditOutlined, PlusOutlined, SafetyCertificateOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Descriptions, Drawer, Tag, Typography } from "antd";
import { useState, type ReactNode } from "react";

import { assetCalls } from "../api/assetCalls";
import type { App, Image } from "../api/models";
import { formatBytes, formatDateTime } from "../common/format";
import { Loaded } from "../common/Loaded";
import { canStart } from "../instances/states";
import { goTo } from "../shell/route";
import { useScope, useWorkspace, where } from "../shell/scope";
import { EditImageDialog } from "./EditImageDialog";
import { ExportSection } from "./ExportSection";
import { Family } from "./Family";
import { ImageTags } from "./ImageTags";
import { ImageUsers } from "./ImageUsers";
import { ReportSection } from "./ReportSection";
import { useImageActions } from "./useImageActions";
import { labelText, USES, VISIBILITIES } from "./words";

const REBUILT = "A newer build has taken the place of this image; new instances start from that one.";
const DELETED = "This image was deleted; instances can no longer start from it.";

interface Props {
  id: string;
  images: readonly Image[];
  onClose: () => void;
}

export function ImageDrawer({ id, images, onClose }: Props) {
  // The list holds what can be used now; an older image is read by its id.
  const listed = images.find((image) => image.id === id);
  const older = useQuery({
    queryKey: ["image", id],
    queryFn: ({ signal }) => assetCalls.image(id, signal),
    enabled: !listed,
  });
  const image = listed ?? older.data;
  return (
    <Drawer open size="min(560px, 100vw)" title={image?.name ?? "Image"} onClose={onClose}>
      <Loaded query={{ data: image, error: older.error, refetch: older.refetch }}>
        {(shown) => <Details image={shown} onClose={onClose} />}
      </Loaded>
    </Drawer>
  );
}

function Details({ image, onClose }: { image: Image; onClose: () => void }) {
  const actions = useImageActions(onClose);
  const [editing, setEditing] = useState(false);
  const runs = where(useScope(), "instance.use.own").length > 0;
  const rights = actions.rights(image);
  const offered = image.retired_at == null;
  return (
    <div className="details">
      <ImageTags image={image} />
      {image.description && <p>{image.description}</p>}
      {!offered && <Alert type="info" showIcon title={image.source === "official" ? REBUILT : DELETED} />}
      <div className="row-buttons">
        {runs && (
          <Button
            type="primary"
            icon={<PlusOutlined aria-hidden />}
            disabled={!offered || !canStart(image)}
            onClick={() => goTo("instances", "new", image.id)}
          >
            New instance from this image
          </Button>
        )}
        {rights.change && (
          <Button icon={<EditOutlined aria-hidden />} onClick={() => setEditing(true)}>
            Change
          </Button>
        )}
        {rights.check && (
          <Button
            icon={<SafetyCertificateOutlined aria-hidden />}
            loading={actions.checking}
            onClick={() => actions.check(image)}
          >
            Check again
          </Button>
        )}
        {rights.remove && (
          <Button icon={<DeleteOutlined aria-hidden />} onClick={() => actions.remove(image)}>
            Delete
          </Button>
        )}
      </div>
      <Facts image={image} />
      {image.source === "snapshot" && <ReportSection image={image} runs={runs && offered} />}
      {rights.take && image.available && <ExportSection image={image} />}
      <ImageUsers image={image} />
      <Family image={image} />
      {editing && <EditImageDialog image={image} publish={rights.publish} onClose={() => setEditing(false)} />}
    </div>
  );
}

function Facts({ image }: { image: Image }) {
  const workspace = useWorkspace(image.workspace_id);
  const custom = image.source !== "official";
  const items = [
    fact("Can run", <Explained {...USES[image.use]} />),
    image.tag && fact("Tag", <span className="mono">{image.tag}</span>),
    image.platform && fact("Platform", image.platform),
    labelText(image) && fact("Contains", labelText(image)),
    image.apps?.length && fact("Apps", <Apps apps={image.apps} />),
    custom && fact("Visibility", <Explained {...VISIBILITIES[image.visibility]} />),
    image.workspace_id && fact("Workspace", workspace?.display_name ?? "another one"),
    fact("Author", image.owner ?? "the operator of the workbench"),
    fact("Created", formatDateTime(image.created_at)),
    fact("Size", image.size == null ? "not known" : formatBytes(image.size)),
    image.source === "custom" && fact("Reference", <Copyable text={image.reference} />),
    fact("Digest", image.digest ? <Copyable text={image.digest} /> : "not known"),
    fact("Id", <Copyable text={image.id} />),
  ].filter((item) => typeof item === "object" && item !== null);
  return <Descriptions column={1} size="small" bordered items={items} />;
}

const fact = (label: string, children: ReactNode) => ({ key: label, label, children });

/** That its labels declare; an instance from it offers them. */
function Apps({ apps }: { apps: App[] }) {
  return (
    <span className="tags">
      {apps.map(({ name, title }) => (
        <Tag key={name}>{title}</Tag>
      ))}
    </span>
  );
}

function Explained({ label, text }: { label: string; text: string }) {
  return (
    <>
      {label}
      <span className="sub">{text}</span>
    </>
  );
}

function Copyable({ text }: { text: string }) {
  return (
    <Typography.Text copyable={{ text }} ellipsis className="mono">
      {text}
    </Typography.Text>
  );
}
