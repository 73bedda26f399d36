/** All about one image, with the line of images that it grew from. */
import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Descriptions, Drawer, Skeleton, Typography } from "antd";

import { calls } from "../api/calls";
import type { Image } from "../api/models";
import { sentenceOf } from "../api/problem";
import { formatBytes, formatDateTime } from "../common/format";
import { goTo, hrefOf } from "../shell/route";
import { lineage, type Ancestor } from "./lineage";
import { SourceTag } from "./SourceTag";
import { useDeleteImage } from "./useDeleteImage";

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
    queryFn: ({ signal }) => calls.image(id, signal),
    enabled: !listed,
  });
  const image = listed ?? older.data;
  return (
    <Drawer open size="min(560px, 100vw)" title={image?.name ?? "Image"} onClose={onClose}>
      {image ? (
        <Details image={image} images={images} isOffered={Boolean(listed)} onClose={onClose} />
      ) : older.error ? (
        <Alert type="error" showIcon title={sentenceOf(older.error)} />
      ) : (
        <Skeleton active />
      )}
    </Drawer>
  );
}

interface DetailsProps {
  image: Image;
  images: readonly Image[];
  isOffered: boolean;
  onClose: () => void;
}

function Details({ image, images, isOffered, onClose }: DetailsProps) {
  const { remove, mayRemove } = useDeleteImage(onClose);
  const line = useQuery({
    queryKey: ["lineage", image.id],
    queryFn: ({ signal }) =>
      lineage(image, async (id) => images.find((item) => item.id === id) ?? calls.image(id, signal)),
  });
  return (
    <div className="details">
      {image.description && <p>{image.description}</p>}
      {!isOffered && (
        <Alert type="info" showIcon title={image.source === "official" ? REBUILT : DELETED} />
      )}
      <div className="row-buttons">
        <Button
          type="primary"
          icon={<PlusOutlined aria-hidden />}
          disabled={!isOffered || !image.available}
          onClick={() => goTo("instances", "new", image.id)}
        >
          New instance from this image
        </Button>
        {isOffered && mayRemove(image) && (
          <Button icon={<DeleteOutlined aria-hidden />} onClick={() => remove(image)}>
            Delete
          </Button>
        )}
      </div>
      <Descriptions
        column={1}
        size="small"
        bordered
        items={[
          fact("Source", <SourceTag image={image} />),
          fact("Author", image.owner ?? "the operator of the workbench"),
          fact("Created", formatDateTime(image.created_at)),
          fact("Size", image.size == null ? "not known" : formatBytes(image.size)),
          fact("Digest", image.digest ? <Copyable text={image.digest} /> : "not known"),
          fact("Id", <Copyable text={image.id} />),
        ]}
      />
      <section>
        <h3>Lineage</h3>
        <Lineage image={image} line={line.data} />
      </section>
    </div>
  );
}

function Lineage({ image, line }: { image: Image; line: Ancestor[] | undefined }) {
  if (!line) return <Skeleton active title={false} paragraph={{ rows: 2 }} />;
  return (
    <ol className="lineage">
      <li aria-current="true">{image.name}</li>
      {line.map(({ id, image: ancestor }) => (
        <li key={id}>
          {ancestor ? (
            <a href={hrefOf("images", id)}>{ancestor.name}</a>
          ) : (
            <span className="quiet">an image that you may not see</span>
          )}
        </li>
      ))}
    </ol>
  );
}

const fact = (label: string, children: React.ReactNode) => ({ key: label, label, children });

function Copyable({ text }: { text: string }) {
  return (
    <Typography.Text copyable={{ text }} ellipsis className="mono">
      {text}
    </Typography.Text>
  );
}
