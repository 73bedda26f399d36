import { formatAgo, formatDateTime } from "./format";
import { useNow } from "./useNow";

/** How long ago something was, with the exact time on hover. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={formatDateTime(at)}>
      {formatAgo(at, now)}
    </time>
  );
}
