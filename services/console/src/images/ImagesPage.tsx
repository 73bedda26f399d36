/** The catalog: official images, the workspace's own, and those saved from instances. */
import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Input, Tooltip } from "antd";
import { useState } from "react";

import type { Image } from "../api/models";
import { useImages } from "../api/queries";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { formatBytes } from "../common/format";
import { PageTitle } from "../common/PageTitle";
import { goTo, hrefOf, useRoute } from "../shell/route";
import { ImageDrawer } from "./ImageDrawer";
import { grouped } from "./lineage";
import { SourceTag } from "./SourceTag";
import { useDeleteImage } from "./useDeleteImage";

const SEARCH_FROM = 8;

export function ImagesPage() {
  const route = useRoute();
  const list = useImages();
  const { remove, mayRemove } = useDeleteImage();
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const all = list.data && grouped(list.data).flatMap((group) => group.images);
  const shown = all?.filter(({ name, description, owner }) =>
    `${name} ${description} ${owner ?? ""}`.toLowerCase().includes(wanted),
  );
  return (
    <>
      <PageTitle title="Images" text="What instances start from. Save a running instance to add your own.">
        {(all?.length ?? 0) >= SEARCH_FROM && (
          <Input.Search
            allowClear
            className="search"
            placeholder="Search"
            aria-label="Search images"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        )}
      </PageTitle>
      <DataTable
        label="Images"
        columns={columns(list.data ?? [], remove, mayRemove)}
        items={shown}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(image) => image.id}
        rowProps={({ id, name, source }) => ({
          "aria-label": name,
          "data-testid": `image-row-${id}`,
          "data-source": source,
        })}
        empty={<Nothing searched={Boolean(all?.length)} />}
      />
      {route.id && (
        <ImageDrawer id={route.id} images={list.data ?? []} onClose={() => goTo("images")} />
      )}
    </>
  );
}

function Nothing({ searched }: { searched: boolean }) {
  if (searched) return <Empty title="Nothing found" text="No image has this text in its name, description or author." />;
  return (
    <Empty
      title="The catalog is empty"
      text="An administrator adds images in dsw.toml and builds them with: dsw images build"
    />
  );
}

function columns(
  images: readonly Image[],
  remove: (image: Image) => void,
  mayRemove: (image: Image) => boolean,
): Column<Image>[] {
  const byId = new Map(images.map((image) => [image.id, image]));
  return [
    {
      key: "name",
      title: "Name",
      render: (image) => (
        <>
          <a className="title" href={hrefOf("images", image.id)}>
            {image.name}
          </a>
          {image.description && <span className="sub">{image.description}</span>}
        </>
      ),
    },
    { key: "source", title: "Source", width: "12em", render: (image) => <SourceTag image={image} /> },
    {
      key: "parent",
      title: "Grew from",
      width: "16%",
      render: ({ parent_id: id }) =>
        id ? <a href={hrefOf("images", id)}>{byId.get(id)?.name ?? "an older image"}</a> : <None />,
    },
    { key: "author", title: "Author", width: "10%", render: ({ owner }) => owner ?? <None /> },
    {
      key: "size",
      title: "Size",
      width: "7em",
      render: ({ size }) => (size == null ? <None /> : formatBytes(size)),
    },
    { key: "created", title: "Created", width: "9em", render: ({ created_at }) => <Ago at={created_at} /> },
    {
      key: "actions",
      title: "Actions",
      hideTitle: true,
      width: "1%",
      render: (image) => (
        <span className="row-buttons">
          <Tooltip title="New instance from this image">
            <Button
              type="text"
              aria-label="New instance from this image"
              icon={<PlusOutlined aria-hidden />}
              disabled={!image.available}
              onClick={() => goTo("instances", "new", image.id)}
            />
          </Tooltip>
          <Tooltip title={mayRemove(image) ? "Delete" : "Only your own saved images can be deleted"}>
            <Button
              type="text"
              aria-label="Delete"
              icon={<DeleteOutlined aria-hidden />}
              disabled={!mayRemove(image)}
              onClick={() => remove(image)}
            />
          </Tooltip>
        </span>
      ),
    },
  ];
}

const None = () => <span className="quiet">–</span>;
