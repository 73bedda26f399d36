/** The family of an image as a tree, with the image itself marked. */
import { useQuery } from "@tanstack/react-query";

import { assetCalls } from "../api/assetCalls";
import type { Image } from "../api/models";
import { Loaded } from "../common/Loaded";
import { hrefOf } from "../shell/route";
import { familyTree, type Branch } from "./familyTree";

export function Family({ image }: { image: Image }) {
  const family = useQuery({
    queryKey: ["family", image.id],
    queryFn: ({ signal }) => assetCalls.family(image.id, signal),
  });
  return (
    <section>
      <h3>Lineage</h3>
      <Loaded query={family}>
        {(images) => <Branches branches={familyTree(images)} current={image.id} label="Lineage" />}
      </Loaded>
    </section>
  );
}

interface Props {
  branches: Branch[];
  current: string;
  label?: string;
}

function Branches({ branches, current, label }: Props) {
  return (
    <ul className="lineage" aria-label={label}>
      {branches.map(({ id, image, children }) => (
        <li key={id} aria-current={id === current ? "true" : undefined}>
          <Name id={id} image={image} current={current} />
          {children.length > 0 && <Branches branches={children} current={current} />}
        </li>
      ))}
    </ul>
  );
}

function Name({ id, image, current }: { id: string; image: Image | undefined; current: string }) {
  if (!image) return <span className="quiet">an image that you may not see</span>;
  if (id === current) return <strong>{image.name}</strong>;
  return (
    <>
      <a href={hrefOf("images", id)}>{image.name}</a>
      {image.retired_at && <span className="quiet"> (no longer offered)</span>}
    </>
  );
}
