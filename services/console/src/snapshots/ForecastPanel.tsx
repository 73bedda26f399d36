/** What saving an instance would ship: size, biggest folders, package changes, what is left out. */
import { Alert, Skeleton } from "antd";

import type { Forecast } from "../api/models";
import { sentenceOf } from "../api/problem";
import { Folds, Lines } from "../common/Folds";
import { formatBytes } from "../common/format";
import { changeText, countsText, sizeText } from "./changeText";

interface Props {
  forecast: Forecast | undefined;
  error: Error | null;
}

export function ForecastPanel({ forecast, error }: Props) {
  if (forecast) return <Found forecast={forecast} />;
  if (error) return <p className="quiet">It is not known how much this is. {sentenceOf(error)}</p>;
  return (
    <div className="forecast" aria-busy="true">
      <Skeleton active title={false} paragraph={{ rows: 2 }} />
    </div>
  );
}

function Found({ forecast }: { forecast: Forecast }) {
  const { folders = [], packages = [], left_out: left = [], more_left_out: more, refused = [] } = forecast;
  return (
    <div className="forecast" data-testid="forecast">
      <p>
        <strong>{sizeText(forecast)}</strong>
      </p>
      {refused.length > 0 && (
        <Alert
          type="error"
          showIcon
          title="No image can hold these: remove them, or leave them out below."
          description={<Lines lines={refused.map(({ path, reason }) => `${path}: ${reason}`)} />}
        />
      )}
      <Folds
        folds={[
          {
            title: "Biggest folders",
            hidden: folders.length === 0,
            body: <Folders folders={folders} whole={forecast.size} />,
          },
          {
            title: "Packages",
            note: countsText(packages),
            hidden: packages.length === 0,
            body: <Lines lines={packages.map(changeText)} />,
          },
          {
            title: "Left out",
            note: left.length + more,
            hidden: left.length === 0,
            body: <Lines lines={left.map(({ path, reason }) => `${path}: ${reason}`)} more={more} />,
          },
        ]}
      />
    </div>
  );
}

function Folders({ folders, whole }: { folders: NonNullable<Forecast["folders"]>; whole: number }) {
  return (
    <ul className="lines">
      {folders.map(({ path, size }) => (
        <li key={path} className="folder">
          <span className="mono">{path}</span>
          <span className="quiet">{formatBytes(size)}</span>
          <span className="bar" aria-hidden="true">
            <span style={{ width: `${whole ? Math.min(100, (100 * size) / whole) : 0}%` }} />
          </span>
        </li>
      ))}
    </ul>
  );
}
