/** What was found out about an image while it was saved, and the way to start it just so again. */
import { DownloadOutlined, UndoOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Input } from "antd";
import { useState } from "react";

import { assetCalls, sbomUrl } from "../api/assetCalls";
import type { Image, ImageReportView, Package } from "../api/models";
import { Problem } from "../api/problem";
import { Folds, Lines } from "../common/Folds";
import { Loaded } from "../common/Loaded";
import { changeText, countsText } from "../snapshots/changeText";
import { instanceLines, packagesWith, savingText } from "./reportText";
import { RestoreDialog } from "./RestoreDialog";

const SHOWN = 200;

interface Props {
  image: Image;
  /** Whether the user may make instances from it. */
  runs: boolean;
}

export function ReportSection({ image, runs }: Props) {
  const report = useQuery({
    queryKey: ["report", image.id],
    queryFn: ({ signal }) => assetCalls.imageReport(image.id, signal),
    staleTime: Infinity,
  });
  // An image that an older version saved has none.
  if (report.error instanceof Problem && report.error.status === 404) return null;
  return (
    <section>
      <h3>How it was saved</h3>
      <Loaded query={report}>{(view) => <Report image={image} view={view} runs={runs} />}</Loaded>
    </section>
  );
}

function Report({ image, view, runs }: Props & { view: ImageReportView }) {
  const [restoring, setRestoring] = useState(false);
  const { packages = [], changes = [], left_out: left = [], findings = [], repositories = [] } = view.report;
  return (
    <div className="report" data-testid="image-report">
      <p className="quiet">{savingText(view.report)}</p>
      {findings.length > 0 && (
        <Alert
          type="warning"
          showIcon
          title="Some files look as if they held secrets, which whoever starts the image can read."
        />
      )}
      <Folds
        folds={[
          {
            title: "May be secrets",
            note: findings.length,
            hidden: findings.length === 0,
            body: (
              <Lines
                lines={findings.map(({ path, line, kind }) => `${path}, line ${line}: ${kind}`)}
              />
            ),
          },
          {
            title: "Packages",
            note: packages.length,
            hidden: packages.length === 0,
            body: <Packages packages={packages} />,
          },
          {
            title: "Against the image below",
            note: countsText(changes),
            hidden: changes.length === 0,
            body: <Lines lines={changes.map(changeText)} />,
          },
          {
            title: "Left out",
            note: left.length + view.report.more_left_out,
            hidden: left.length === 0,
            body: (
              <Lines lines={left.map(({ path, reason }) => `${path}: ${reason}`)} more={view.report.more_left_out} />
            ),
          },
          {
            title: "Code in the working directory",
            note: repositories.length,
            hidden: repositories.length === 0,
            body: (
              <Lines
                lines={repositories.map(({ path, commit, branch, remote }) =>
                  [path, commit.slice(0, 12), branch, remote].filter(Boolean).join(" "),
                )}
              />
            ),
          },
          { title: "The instance", body: <Lines lines={instanceLines(view)} /> },
        ]}
      />
      <div className="row-buttons">
        {runs && (
          <Button icon={<UndoOutlined aria-hidden />} onClick={() => setRestoring(true)}>
            Start again just like this
          </Button>
        )}
        {view.has_sbom && (
          <Button icon={<DownloadOutlined aria-hidden />} href={sbomUrl(image.id)} download>
            Package list (CycloneDX)
          </Button>
        )}
      </div>
      {restoring && <RestoreDialog image={image} view={view} onClose={() => setRestoring(false)} />}
    </div>
  );
}

function Packages({ packages }: { packages: readonly Package[] }) {
  const [text, setText] = useState("");
  const found = packagesWith(packages, text);
  return (
    <>
      <Input.Search
        allowClear
        size="small"
        placeholder="Search"
        aria-label="Search packages"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Lines
        lines={found.slice(0, SHOWN).map(({ manager, name, version }) => `${manager} ${name} ${version}`)}
        more={found.length - SHOWN}
      />
      {found.length === 0 && <p className="quiet">No package is called so.</p>}
    </>
  );
}
