/**
 * Ctrl-C and SIGTERM: end cleanly the first time, at once the second time.
 *
 * @module
 */

import { EXIT } from "./exit.ts";

/** `timeout` and shells send a signal to a program and then to its group: that is one wish, sent twice. */
const ONE_WISH_MS = 300;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How many catch signals now. */
let catching = 0;
/** When the first signal came. */
let firstMs = -Infinity;
let guarded = false;

/**
 * From now on a signal that nothing else catches ends the program by itself, with status 130, so that what has to be removed
 * (locks) is removed. Called by whatever makes such a thing.
 */
export function endAtSignals(): void {
  if (guarded) return;
  guarded = true;
  for (const name of SIGNALS) {
    Deno.addSignalListener(name, () => {
      if (catching === 0 && performance.now() - firstMs >= ONE_WISH_MS) Deno.exit(EXIT.INTERRUPTED);
    });
  }
}

/** Signals that end a run, as an abort signal. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Gives the signals back to the system. */
  [Symbol.dispose](): void;
}

/**
 * Catches SIGINT, SIGTERM and SIGHUP. The second one ends the program at once; plugin children die with it.
 *
 * @param onFirst Called with the signal's name when the first comes.
 * @returns The abort signal; dispose of it when the work is done.
 */
export function catchInterruption(onFirst: (signal: string) => void): Interruption {
  const controller = new AbortController();
  catching++;
  const handlers = SIGNALS.map((name) => {
    const handler = () => {
      if (controller.signal.aborted) {
        if (performance.now() - firstMs >= ONE_WISH_MS) Deno.exit(EXIT.INTERRUPTED);
        return;
      }
      firstMs = performance.now();
      onFirst(name);
      controller.abort(new DOMException(`ended by ${name}`, "AbortError"));
    };
    Deno.addSignalListener(name, handler);
    return { name, handler };
  });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      catching--;
      for (const { name, handler } of handlers) Deno.removeSignalListener(name, handler);
    },
  };
}
