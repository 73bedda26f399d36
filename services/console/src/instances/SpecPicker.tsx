/** The choice of a spec, with CPU, memory and GPUs side by side, and what is free of it now. */
import type { Spec } from "../api/models";
import { Choices } from "../common/Choices";
import { formatBytes, formatGpu } from "../common/format";
import type { Offer } from "./offers";

interface Props {
  specs: readonly Spec[];
  offers: ReadonlyMap<string, Offer>;
  value: string | undefined;
  onChange: (name: string) => void;
}

export function SpecPicker({ specs, offers, value, onChange }: Props) {
  return (
    <Choices
      legend="Size"
      hideLegend
      value={value}
      onChange={onChange}
      choices={specs.map((spec) => ({
        value: spec.name,
        label: spec.name,
        disabled: Boolean(offers.get(spec.name)?.problem),
        body: <SpecCard spec={spec} offer={offers.get(spec.name)} />,
      }))}
    />
  );
}

function SpecCard({ spec, offer }: { spec: Spec; offer: Offer | undefined }) {
  return (
    <>
      <span className="choice-title">{spec.name}</span>
      <span className="sizes">
        <Size label="CPU" value={String(spec.cpu)} />
        <Size label="Memory" value={formatBytes(spec.memory)} />
        <Size label="GPU" value={spec.gpu ? formatGpu(spec) : "none"} />
      </span>
      {spec.description && <span className="choice-text">{spec.description}</span>}
      {offer?.problem && <span className="choice-text">{offer.problem}</span>}
      {offer?.free && (
        <span className="choice-free" data-short={offer.free.short || undefined}>
          {offer.free.text}
        </span>
      )}
    </>
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
