/** What a form says, as the request that it makes. */

const MAX_NAME = 100;

/** A name for an image that nobody named yet: the instance's and the minute. */
export function suggestName(displayName: string, now: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = [now.getFullYear(), now.getMonth() + 1, now.getDate()];
  const time = [now.getHours(), now.getMinutes()];
  const moment = `${day.map(two).join('-')} ${time.map(two).join(':')}`;
  const room = MAX_NAME - moment.length - 1;
  return `${[...displayName].slice(0, room).join('').trim()} ${moment}`.trim();
}

/** The patterns in a text, one a line. */
export function patterns(text: string): string[] {
  const lines = text.split('\n').map(line => line.trim());
  return [...new Set(lines.filter(line => line))];
}
