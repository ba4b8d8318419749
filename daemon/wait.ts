/**
 * Waiting with an end.
 *
 * @module
 */

/**
 * Waits for a promise, but not longer than that.
 *
 * @param promise One that is never rejected, or whose rejection the caller takes.
 * @param ms Longest wait.
 * @returns Whether it was settled in time.
 */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits.
 *
 * @param ms How long; 0 or less: not at all.
 */
export async function delay(ms: number): Promise<void> {
  if (ms <= 0) return;
  await new Promise((resolve) => setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS)));
}

/** Timers of the runtime hold 31 bits of milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
