/** Numbers as people read them. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `1.5 GiB`; one decimal at most. */
export function formatBytes(bytes: number): string {
  const power = Math.min(
    UNITS.length - 1,
    Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  );
  const value = bytes / 1024 ** power;
  return `${Number(value.toFixed(1))} ${UNITS[power]}`;
}

/** `1.5 / 4 GiB`: the part in the unit of the whole. */
export function formatShare(part: number, whole: number): string {
  const [limit, unit] = formatBytes(whole).split(' ');
  const used = part / 1024 ** UNITS.indexOf(unit);
  return `${Number(used.toFixed(1))} / ${limit} ${unit}`;
}

/** Whole per cent of a whole, 0 where there is none, 100 at most. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, Math.floor((100 * part) / whole)) : 0;
}

/** About how long: `40 s`, `12 min`, `3.5 h`. */
export function formatDuration(seconds: number): string {
  if (seconds < 90) {
    return `${Math.round(seconds)} s`;
  }
  return seconds < 5400
    ? `${Math.round(seconds / 60)} min`
    : `${Number((seconds / 3600).toFixed(1))} h`;
}

/** `1 file`, `31,234 files`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`;
}

/** The text, or its beginning where it is longer. */
export function shorten(text: string, length: number): string {
  const signs = [...text];
  return signs.length > length
    ? `${signs.slice(0, length - 1).join('')}…`
    : text;
}
