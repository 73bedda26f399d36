/** A choice of one among cards: native radio buttons, so arrow keys and screen readers work. */
import { useId, type ReactNode } from "react";

export interface Choice {
  value: string;
  label: string;
  body: ReactNode;
  disabled?: boolean;
}

interface Props {
  legend: string;
  choices: Choice[];
  value: string | undefined;
  onChange: (value: string) => void;
  /** Leaves the legend to screen readers, where a heading says the same. */
  hideLegend?: boolean;
  /** Joins several groups into one choice. */
  name?: string;
}

export function Choices({ legend, hideLegend, choices, value, onChange, name }: Props) {
  const own = useId();
  return (
    <fieldset className="choices">
      <legend className={hideLegend ? "unseen" : undefined}>{legend}</legend>
      <div className="choice-grid">
        {choices.map((choice) => (
          <label key={choice.value} className="choice" data-disabled={choice.disabled || undefined}>
            <input
              type="radio"
              name={name ?? own}
              value={choice.value}
              aria-label={choice.label}
              checked={choice.value === value}
              disabled={choice.disabled ?? false}
              onChange={() => onChange(choice.value)}
            />
            <span className="choice-body">{choice.body}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
