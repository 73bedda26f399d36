/** The choice of a spec, with CPU, memory and GPUs side by side. */
import type { Spec } from "../api/models";
import { Choices } from "../common/Choices";
import { formatBytes, formatGpu } from "../common/format";

interface Props {
  specs: readonly Spec[];
  value: string | undefined;
  onChange: (name: string) => void;
}

export function SpecPicker({ specs, value, onChange }: Props) {
  return (
    <Choices
      legend="Size"
      hideLegend
      value={value}
      onChange={onChange}
      choices={specs.map((spec) => ({
        value: spec.name,
        label: spec.name,
        body: (
          <>
            <span className="choice-title">{spec.name}</span>
            <span className="sizes">
              <Size label="CPU" value={String(spec.cpu)} />
              <Size label="Memory" value={formatBytes(spec.memory)} />
              <Size label="GPU" value={spec.gpu ? formatGpu(spec) : "none"} />
            </span>
            {spec.description && <span className="choice-text">{spec.description}</span>}
          </>
        ),
      }))}
    />
  );
}

function Size({ label, value }: { label: string; value: string }) {
  return (
    <span className="size">
      <span className="size-label">{label}</span>
      <span>{value}</span>
    </span>
  );
}
