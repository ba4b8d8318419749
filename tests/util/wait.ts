/**
 * Waiting with deadlines, for tests that cross processes.
 *
 * @module
 */

/** How often a wait looks at the time, and asks. */
const STEP_MS = 100, ASK_MS = 20;
/** So much counts from one look to the next: what is more, this process had no processor for, and others may not have, either. */
const MOST_COUNTED_MS = 3 * STEP_MS;

/**
 * Waits for a promise, and fails when that takes too long.
 *
 * @param what Named in the error.
 * @param ms Longest wait.
 * @param promise What to wait for.
 */
export async function deadline<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const wait = (left: number) => {
      if (left <= 0) return reject(new Error(`${what}: nothing within ${ms} ms`));
      const before = performance.now();
      timer = setTimeout(
        () => wait(left - Math.min(performance.now() - before, MOST_COUNTED_MS)),
        Math.min(left, STEP_MS),
      );
    };
    wait(ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again and again until the answer is neither `null`, `undefined` nor `false`.
 *
 * @param what Named in the error.
 * @param ms Longest wait.
 * @param ask The question.
 */
export async function until<T>(
  what: string,
  ms: number,
  ask: () => T | Promise<T>,
): Promise<Exclude<T, null | undefined | false>> {
  let end = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) {
      return answer as Exclude<T, null | undefined | false>;
    }
    const before = performance.now();
    if (before > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(ASK_MS);
    end += Math.max(0, performance.now() - before - MOST_COUNTED_MS);
  }
}

/**
 * Waits.
 *
 * @param ms How long.
 */
export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
