/** The catalog: official images, the workspace's own, and those saved from instances. */
import { DeleteOutlined, ImportOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Tooltip } from "antd";
import { useState } from "react";

import type { Image } from "../api/models";
import { useImages } from "../api/queries";
import { Ago } from "../common/Ago";
import { DataTable, type Column } from "../common/DataTable";
import { Empty } from "../common/Empty";
import { formatBytes } from "../common/format";
import { PageTitle } from "../common/PageTitle";
import { canStart } from "../instances/states";
import { useUser } from "../shell/me";
import { goTo, hrefOf, usePageRoute } from "../shell/route";
import { useScope, where } from "../shell/scope";
import { AddImageDialog } from "./AddImageDialog";
import { filtered, type ImageFilters } from "./filters";
import { ImageDrawer } from "./ImageDrawer";
import { ImageFilterBar } from "./ImageFilterBar";
import { ImageTags } from "./ImageTags";
import { ImportDialog } from "./ImportDialog";
import { grouped } from "./order";
import { useImageActions, type ImageActions } from "./useImageActions";
import { labelText } from "./words";

const FILTERS_FROM = 4;
const NO_FILTERS: ImageFilters = { text: "" };

export function ImagesPage() {
  const route = usePageRoute("images");
  const scope = useScope();
  const { isolated } = useUser();
  const list = useImages(scope.chosen?.id);
  const actions = useImageActions();
  const [filters, setFilters] = useState(NO_FILTERS);
  const [dialog, setDialog] = useState<"add" | "import">();
  const close = () => setDialog(undefined);
  const addable = where(scope, "image.add");
  const runs = where(scope, "instance.use.own").length > 0;
  const all = list.data && grouped(list.data).flatMap((group) => group.images);
  return (
    <>
      <PageTitle title="Images" text="What instances start from. Save an instance, or add an image by its reference.">
        {isolated && addable.length > 0 && (
          <>
            <Button icon={<ImportOutlined aria-hidden />} onClick={() => setDialog("import")}>
              Import
            </Button>
            <Button icon={<PlusOutlined aria-hidden />} onClick={() => setDialog("add")}>
              Add an image
            </Button>
          </>
        )}
      </PageTitle>
      {(all?.length ?? 0) >= FILTERS_FROM && (
        <ImageFilterBar images={all ?? []} filters={filters} onChange={setFilters} />
      )}
      <DataTable
        label="Images"
        columns={columns(list.data ?? [], actions, runs)}
        items={all && filtered(all, filters)}
        error={list.error}
        again={() => void list.refetch()}
        keyOf={(image) => image.id}
        rowProps={({ id, name, source, visibility }) => ({
          "aria-label": name,
          "data-testid": `image-row-${id}`,
          "data-source": source,
          "data-visibility": visibility,
        })}
        empty={<Nothing searched={Boolean(all?.length)} again={() => setFilters(NO_FILTERS)} />}
      />
      {route.id && <ImageDrawer id={route.id} images={list.data ?? []} onClose={() => goTo("images")} />}
      {dialog === "add" && <AddImageDialog workspaces={addable} onClose={close} />}
      {dialog === "import" && <ImportDialog workspaces={addable} onClose={close} />}
    </>
  );
}

function Nothing({ searched, again }: { searched: boolean; again: () => void }) {
  if (searched) {
    return (
      <Empty title="Nothing found" text="No image fits all that you chose and typed.">
        <Button onClick={again}>Show all</Button>
      </Empty>
    );
  }
  return (
    <Empty
      title="The catalog is empty"
      text="An administrator adds images in dsw.toml and builds them with: dsw images build"
    />
  );
}

function columns(images: readonly Image[], actions: ImageActions, runs: boolean): Column<Image>[] {
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
          {labelText(image) && <span className="sub">{labelText(image)}</span>}
        </>
      ),
    },
    { key: "source", title: "Source", width: "16em", render: (image) => <ImageTags image={image} /> },
    {
      key: "parent",
      title: "Grew from",
      width: "14%",
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
      render: (image) => <Buttons image={image} actions={actions} runs={runs} />,
    },
  ];
}

function Buttons({ image, actions, runs }: { image: Image; actions: ImageActions; runs: boolean }) {
  return (
    <span className="row-buttons">
      {runs && (
        <Tooltip title="New instance from this image">
          <Button
            type="text"
            aria-label="New instance from this image"
            icon={<PlusOutlined aria-hidden />}
            disabled={!canStart(image)}
            onClick={() => goTo("instances", "new", image.id)}
          />
        </Tooltip>
      )}
      {actions.rights(image).remove && (
        <Tooltip title="Delete">
          <Button
            type="text"
            aria-label="Delete"
            icon={<DeleteOutlined aria-hidden />}
            onClick={() => actions.remove(image)}
          />
        </Tooltip>
      )}
    </span>
  );
}

const None = () => <span className="quiet">–</span>;
