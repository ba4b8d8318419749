/**
 * Bounded waits.
 *
 * @module
 */

/**
 * Waits for a promise, but not for ever.
 *
 * @param promise what to wait for; if it settles after the deadline nobody hears of it
 * @param ms how long, in milliseconds, up to 2^31
 * @param late makes the error for a missed deadline
 * @returns what the promise gave
 * @throws what the promise threw, or what `late` made
 */
export function withDeadline<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), Math.min(Math.max(0, ms), 2 ** 31 - 1));
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/**
 * Pauses.
 *
 * @param ms how long, in milliseconds
 * @param signal ends the pause early, without an error
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
