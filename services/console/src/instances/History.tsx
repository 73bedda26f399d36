/** The history of an instance, newest first and live. */
import { Alert, Skeleton } from "antd";

import { collapseProgress } from "../api/lists";
import type { EventLine } from "../api/models";
import { sentenceOf } from "../api/problem";
import { useEvents } from "../api/queries";
import { useLiveEvents } from "../api/useLive";
import { formatDateTime, formatEventTime, formatProgress } from "../common/format";
import { StateMark } from "../common/StateMark";
import { useNow } from "../common/useNow";
import { lookOf } from "./states";

export function History({ id }: { id: string }) {
  useLiveEvents(id);
  const events = useEvents(id);
  const now = useNow();
  return (
    <section>
      <h3>History</h3>
      {events.data ? (
        <ol className="history" aria-label="History">
          {collapseProgress(events.data)
            .reverse()
            .map((event) => (
              <Line key={event.id} event={event} now={now} />
            ))}
        </ol>
      ) : events.error ? (
        <Alert type="error" showIcon title={sentenceOf(events.error)} />
      ) : (
        <Skeleton active title={false} paragraph={{ rows: 4 }} />
      )}
    </section>
  );
}

function Line({ event, now }: { event: EventLine; now: number }) {
  const look = lookOf(event.state);
  const { message, bytes_done: done, bytes_total: total } = event;
  const text = message || (total == null ? "" : formatProgress(done ?? 0, total));
  return (
    <li>
      <time dateTime={event.at} title={formatDateTime(event.at)}>
        {formatEventTime(event.at, now)}
      </time>
      <div>
        <StateMark label={look.label} tone={look.tone} />
        {text && <p>{text}</p>}
      </div>
    </li>
  );
}
