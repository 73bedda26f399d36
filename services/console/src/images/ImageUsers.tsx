/** Which instances use an image: as long as there are any it cannot be deleted. */
import { useQuery } from "@tanstack/react-query";

import { assetCalls } from "../api/assetCalls";
import type { Image } from "../api/models";
import { Loaded } from "../common/Loaded";
import { usersText } from "./users";

export function ImageUsers({ image }: { image: Image }) {
  const usage = useQuery({
    queryKey: ["imageUsage", image.id],
    queryFn: ({ signal }) => assetCalls.imageUsage(image.id, signal),
  });
  return (
    <section>
      <h3>Used by</h3>
      <Loaded query={usage}>{(found) => <p className="quiet">{usersText(found)}</p>}</Loaded>
    </section>
  );
}
