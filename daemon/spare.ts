/**
 * A plugin process that is started ahead of the next test, so that LOAD need not wait for it.
 *
 * @module
 */
import type { PluginHost } from "../ffi/mod.ts";
import { SPARE_CHILD_MS } from "./limits.ts";

/** What the slot needs of a plugin's process. */
export type SlotHost = Pick<
  PluginHost,
  | ("pid" | "exited" | "progress" | "kill")
  | ("load" | "resolve" | "setup" | "start" | "stop" | "marshall" | "environment")
>;

/** At most one process ahead; ended when nobody takes it for a while. */
export class SpareChild {
  readonly #spawn: () => SlotHost;
  #host: SlotHost | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param spawn Starts a process. */
  constructor(spawn: () => SlotHost) {
    this.#spawn = spawn;
  }

  /** The process that waits, or `null`. */
  get host(): SlotHost | null {
    return this.#host;
  }

  /**
   * Starts a process, unless one waits already.
   *
   * @throws {PluginError} when none can be started.
   */
  warm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.cool(), SPARE_CHILD_MS);
    if (this.#host !== null) return;
    const host = this.#spawn();
    this.#host = host;
    host.exited.then(() => {
      if (this.#host === host) this.#host = null;
    });
  }

  /**
   * Hands the process over; starts one if none waits.
   *
   * @throws {PluginError} when none can be started.
   */
  take(): SlotHost {
    clearTimeout(this.#timer);
    const host = this.#host ?? this.#spawn();
    this.#host = null;
    return host;
  }

  /** Ends the process, if nobody took it. */
  async cool(): Promise<void> {
    clearTimeout(this.#timer);
    const host = this.#host;
    this.#host = null;
    await host?.kill();
  }
}
