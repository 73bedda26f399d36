import type { Tone } from "../instances/states";

/** A state as a coloured dot and a word; the dot pulses while something moves. */
export function StateMark({ label, tone }: { label: string; tone: Tone }) {
  return (
    <span className="state" data-tone={tone}>
      <span className="dot" aria-hidden="true" />
      {label}
    </span>
  );
}
