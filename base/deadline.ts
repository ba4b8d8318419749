/**
 * Bounded waits.
 *
 * @module
 */

/** Longest wait, in milliseconds: that of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

interface Wait {
  dueMs: number;
  late: () => void;
}

/** Waits of one length, which end in the order in which they began: one timer for all of them. */
class Waits {
  static readonly #all = new Map<number, Waits>();
  readonly #waits = new Set<Wait>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(readonly ms: number) {}

  /** Those of a length, in milliseconds. */
  static of(ms: number): Waits {
    const known = Waits.#all.get(ms) ?? new Waits(ms);
    Waits.#all.set(ms, known);
    return known;
  }

  begin(late: () => void): Wait {
    const wait = { dueMs: performance.now() + this.ms, late };
    this.#waits.add(wait);
    this.#timer ??= setTimeout(() => this.#expire(), this.ms);
    return wait;
  }

  end(wait: Wait): void {
    if (!this.#waits.delete(wait) || this.#waits.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    Waits.#all.delete(this.ms);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const wait of this.#waits) {
      // A timer counts whole milliseconds: what is due within this one is.
      if (wait.dueMs >= now + 1) {
        this.#timer = setTimeout(() => this.#expire(), wait.dueMs - now);
        return;
      }
      this.end(wait);
      wait.late();
    }
  }
}

/**
 * Waits for a promise, but not for ever.
 *
 * @param promise what to wait for; if it settles after the deadline its outcome is dropped
 * @param ms how long, in milliseconds, up to 2^31
 * @param late makes the error for a missed deadline
 * @returns what the promise gave
 * @throws what the promise threw, or what `late` made
 */
export function withDeadline<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return bounded(promise, ms, (_, reject) => reject(late()), (value) => value);
}

/**
 * Waits for a promise, but not longer than that.
 *
 * @param promise one that is never rejected, or whose rejection the caller takes
 * @param ms longest wait, in milliseconds
 * @returns whether it was settled in time
 */
export function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return bounded(promise, ms, (resolve) => resolve(false), () => true);
}

function bounded<T, R>(
  promise: Promise<T>,
  ms: number,
  late: (resolve: (result: R) => void, reject: (error: Error) => void) => void,
  made: (value: T) => R,
): Promise<R> {
  const waits = Waits.of(Math.ceil(Math.min(Math.max(0, ms), LONGEST_MS)));
  return new Promise<R>((resolve, reject) => {
    const wait = waits.begin(() => late(resolve, reject));
    promise.then(
      (value) => {
        waits.end(wait);
        resolve(made(value));
      },
      (error) => {
        waits.end(wait);
        reject(error);
      },
    );
  });
}

/** Turns of the event loop that a patient wait takes at least. */
const TURNS = 10;

/**
 * Waits as {@linkcode within} does, but through ten turns of the event loop at least: on a machine that is busy a turn may
 * take longer than the whole wait, and what has come meanwhile is not read yet.
 *
 * @param promise as there
 * @param ms longest wait of a process that is not kept waiting itself, in milliseconds
 * @returns whether it was settled in time
 */
export async function withinTurns(promise: Promise<unknown>, ms: number): Promise<boolean> {
  for (let turn = 0; turn < TURNS; turn++) if (await within(promise, ms / TURNS)) return true;
  return false;
}

/**
 * Pauses.
 *
 * @param ms how long, in milliseconds; 0 or less, such as until an instant that has passed: not at all
 * @param signal ends the pause early, without an error
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, LONGEST_MS));
    signal?.addEventListener("abort", done, { once: true });
  });
}
