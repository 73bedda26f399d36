/** How much of a limit is used, as a bar with its figures. */

interface Props {
  label: string;
  text: string;
  /** Part that is used, 0 to 1; undefined where nothing limits it. */
  part: number | undefined;
}

const NEARLY = 0.85;

export function Meter({ label, text, part }: Props) {
  const full = part !== undefined && part >= 1;
  const tone = part === undefined ? "none" : full ? "bad" : part >= NEARLY ? "warn" : "good";
  const percent = Math.round(100 * Math.min(1, Math.max(0, part ?? 0)));
  return (
    <div className="meter" data-tone={tone}>
      <span className="meter-label">{label}</span>
      <span className="meter-text">{text}</span>
      <span
        className="meter-bar"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={text}
      >
        <span style={{ width: `${percent}%` }} />
      </span>
    </div>
  );
}
