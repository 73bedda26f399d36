/** A change of something that is replaced as a whole, made only if nobody else changed it meanwhile. */
import type { Tagged } from "./client";
import { Problem } from "./problem";

const TRIES = 5;

interface Change<T, R> {
  read: () => Promise<Tagged<T>>;
  /** Whether what the user saw and edited is still so; the rest may be different by now. */
  isSame: (now: T) => boolean;
  write: (tag: string | null) => Promise<R>;
}

/**
 * An object's tag covers more than the part that is edited, such as what is used of a quota. So a
 * refused tag is only a reason to look again, and the edited part decides.
 */
export async function changeUnlessChanged<T, R>({ read, isSame, write }: Change<T, R>): Promise<R> {
  for (let tries = 1; ; tries += 1) {
    const { data, tag } = await read();
    if (!isSame(data)) {
      const detail = "Somebody else has changed this meanwhile. Close the dialog and look at it again.";
      throw new Problem(412, "precondition_failed", detail);
    }
    try {
      return await write(tag);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 412) || tries === TRIES) throw error;
    }
  }
}

export const sameJson = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other);
