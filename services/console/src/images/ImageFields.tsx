/** The parts of an image that people write: name, description, who sees it, and its labels. */
import type { ImageLabels, Visibility } from "../api/models";
import { ChoiceField, TextField } from "../common/Field";
import { LABELS, VISIBILITIES, type LabelName } from "./words";

export interface ImageText {
  name: string;
  description: string;
  visibility: Visibility;
  labels: ImageLabels;
}

interface Props {
  value: ImageText;
  onChange: (value: ImageText) => void;
  /** Whether the user may let everybody see it. */
  publish: boolean;
  labelHelp?: string;
}

const LABEL_EXAMPLES: Record<LabelName, string> = {
  framework: "PyTorch 2.9",
  python: "3.11",
  cuda: "12.8",
  os: "Debian 12",
};

export function ImageFields({ value, onChange, publish, labelHelp }: Props) {
  const { name, description, visibility, labels } = value;
  return (
    <>
      <TextField
        label="Name"
        value={name}
        maxLength={100}
        onChange={(text) => onChange({ ...value, name: text })}
      />
      <TextField
        label="Description (optional)"
        value={description}
        rows={2}
        maxLength={2000}
        onChange={(text) => onChange({ ...value, description: text })}
      />
      <ChoiceField
        label="Visibility"
        value={visibility}
        help={VISIBILITIES[visibility].text}
        onChange={(chosen) => onChange({ ...value, visibility: chosen })}
        options={(Object.keys(VISIBILITIES) as Visibility[])
          .filter((key) => publish || key !== "public" || visibility === "public")
          .map((key) => ({ value: key, label: VISIBILITIES[key].label }))}
      />
      <div className="field-row">
        {(Object.keys(LABELS) as LabelName[]).map((key) => (
          <TextField
            key={key}
            label={LABELS[key]}
            value={labels[key]}
            maxLength={60}
            placeholder={LABEL_EXAMPLES[key]}
            onChange={(text) => onChange({ ...value, labels: { ...labels, [key]: text } })}
          />
        ))}
      </div>
      {labelHelp && <p className="quiet">{labelHelp}</p>}
    </>
  );
}
