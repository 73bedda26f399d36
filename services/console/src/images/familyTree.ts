/** From which images an image grew, and which grew from it, as a tree. Pure. */
import type { Image } from "../api/models";

export interface Branch {
  id: string;
  /** Nothing for an image that the user may not see. */
  image: Image | undefined;
  children: Branch[];
}

/**
 * The trees of these images, in their order. A parent that is not among them is a branch without an
 * image; however wrong the records are, each image stands once.
 */
export function familyTree(images: readonly Image[]): Branch[] {
  const left = new Map(images.map((image) => [image.id, image]));
  const trees: Branch[] = [];

  function grow(image: Image): Branch {
    left.delete(image.id);
    const children = images.filter((one) => one.parent_id === image.id && left.has(one.id));
    return { id: image.id, image, children: children.filter(({ id }) => left.has(id)).map(grow) };
  }

  const known = new Set(left.keys());
  for (const image of images) {
    if (image.parent_id == null) trees.push(grow(image));
    else if (!known.has(image.parent_id)) hiddenParent(trees, image.parent_id).children.push(grow(image));
  }
  // What is left are circles.
  for (const image of images) if (left.has(image.id)) trees.push(grow(image));
  return trees;
}

function hiddenParent(trees: Branch[], id: string): Branch {
  const known = trees.find((branch) => branch.id === id);
  if (known) return known;
  const branch = { id, image: undefined, children: [] };
  trees.push(branch);
  return branch;
}
