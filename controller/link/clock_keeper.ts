/**
 * A daemon's clock, compared again and again while its test runs, on a connection of its own: for tests whose figures depend
 * on the offset of two clocks, which nothing but a recent comparison bounds.
 *
 * @module
 */
import { pause } from "../../base/deadline.ts";
import { combineProbes, type OffsetInterval } from "./clock_estimate.ts";
import { type DaemonAccess, type DaemonPlace, openDaemon, probeClock } from "./daemon_access.ts";
import type { DaemonLink } from "./daemon_link.ts";

/** Questions a round: the quickest of a few is a better bound, and more would disturb the test. */
const PROBES = 4;
/** Most rounds that are kept; then every other one is dropped, and the distance doubles. */
const ROUNDS_MAX = 1_024;

/** Keeps comparing until it is closed. What goes wrong with it costs exactness, never the run. */
export class ClockKeeper {
  #rounds: OffsetInterval[] = [];
  #over = new AbortController();
  #done: Promise<void>;

  private constructor(private readonly connection: DaemonLink, replyMs: number, everyMs: number) {
    this.#done = this.#keep(replyMs, everyMs).catch(() => {});
  }

  /**
   * Connects and begins.
   *
   * @param at the daemon's host and port
   * @param access limits, TLS and secret
   * @param everyMs from one round to the next
   * @returns the keeper, or `null` when the daemon takes no further connection
   */
  static async open(
    at: DaemonPlace,
    access: DaemonAccess,
    everyMs: number,
  ): Promise<ClockKeeper | null> {
    try {
      const { connection } = await openDaemon(at, access);
      return new ClockKeeper(connection, access.limits.replyMs, everyMs);
    } catch {
      return null;
    }
  }

  async #keep(replyMs: number, everyMs: number): Promise<void> {
    for (let distance = everyMs; !this.#over.signal.aborted;) {
      const askUntil = performance.now() + everyMs;
      const probes = await probeClock(this.connection, { probes: PROBES, askUntil, replyMs });
      if (probes.length === 0) return;
      this.#rounds.push(combineProbes(probes));
      if (this.#rounds.length > ROUNDS_MAX) {
        this.#rounds = this.#rounds.filter((_, n) => n % 2 === 0);
        distance *= 2;
      }
      await pause(distance, this.#over.signal);
    }
  }

  /**
   * Ends it.
   *
   * @returns the comparisons, in their order
   */
  async close(): Promise<OffsetInterval[]> {
    this.#over.abort();
    this.connection.close();
    await this.#done;
    return this.#rounds;
  }
}
