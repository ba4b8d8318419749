/**
 * A second connection to a daemon while its test runs: progress, and afterwards its clock.
 *
 * @module
 */

import type { ProgressReport } from "../../protocol/mod.ts";
import { checkDepth } from "../../results/document/parse.ts";
import type { ClockProbe } from "./clock_estimate.ts";
import type { DaemonLink } from "./daemon_link.ts";
import { type DaemonAccess, type DaemonPlace, openDaemon, probeClock } from "./daemon_access.ts";
import { withDeadline } from "../../base/deadline.ts";

/** A second connection. What goes wrong with it costs figures, never the run. */
export class SideChannel {
  #watching: Promise<void> | null = null;
  #ending: Promise<void> | null = null;
  /** Whether further commands can be sent: no answer is missing. */
  usable = true;

  /** Over a connection that is open already. */
  constructor(readonly connection: DaemonLink, readonly access: DaemonAccess) {}

  /**
   * Connects a second time.
   *
   * @param at the daemon's host and port
   * @param access limits, TLS and secret
   * @returns the channel, or `null` when the daemon takes no second connection
   */
  static async open(at: DaemonPlace, access: DaemonAccess): Promise<SideChannel | null> {
    try {
      const { connection } = await openDaemon(at, access);
      return new SideChannel(connection, access);
    } catch {
      return null;
    }
  }

  /**
   * Asks for the machine's environment.
   *
   * @param iface the network interface that is used; `null`: whichever leads to the target
   * @param target the machine under test; `null`: none
   * @returns the record, a JSON object
   * @throws {Error} when there is none
   */
  async environment(iface: string | null, target: string | null): Promise<string> {
    const { replyMs, environmentBytes, transferStallMs } = this.access.limits;
    this.usable = false;
    await this.connection.send({ name: "ENV", iface, target });
    const received = await this.connection.receive(replyMs);
    this.usable = received.type === "reply";
    if (received.type !== "begin") {
      throw new Error(
        "reply" in received ? received.reply.message ?? received.reply.text : `it sent a ${received.type}`,
      );
    }
    if (received.length > environmentBytes) {
      throw new RangeError(`a record of ${received.length} bytes is too large`);
    }
    const body = await this.connection.readBody(received.length, transferStallMs, replyMs);
    this.usable = true;
    const text = new TextDecoder().decode(body);
    const record: unknown = JSON.parse(text);
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      throw new TypeError("its record is no JSON object");
    }
    checkDepth(record);
    return text;
  }

  /**
   * Begins to watch, unless that is over already.
   *
   * @param onReport called for each report of a running test
   * @param everyMs from one report to the next; `undefined`: as often as the daemon has it
   * @returns when the daemon has been asked; never rejects
   */
  async watch(onReport: (report: ProgressReport) => void, everyMs?: number): Promise<void> {
    if (this.#ending !== null) return;
    const asked = this.connection.send({ name: "WATCH", ...everyMs !== undefined && { everyMs } });
    this.#watching = this.#watch(asked, onReport);
    await asked.catch(() => {}); // `#watch` has the same error
  }

  async #watch(asked: Promise<void>, onReport: (report: ProgressReport) => void): Promise<void> {
    try {
      await asked;
      for (let received = await this.connection.receive(null); received.type === "progress";) {
        if (received.report !== null) onReport(received.report);
        received = await this.connection.receive(null);
      }
    } catch {
      // The next use of this connection reports it.
    }
  }

  /**
   * Ends the watching. There is nothing to watch of a test that is over, and a thousand daemons that went on reporting
   * would keep the controller from collecting results.
   *
   * @throws {Error} when the daemon does not end it within half of `finishMs`
   */
  endWatch(): Promise<void> {
    this.#ending ??= this.#endWatch();
    return this.#ending;
  }

  async #endWatch(): Promise<void> {
    if (this.#watching === null) return;
    await this.connection.write("\n");
    const ms = this.access.limits.finishMs / 2;
    await withDeadline(this.#watching, ms, () => new Error("the daemon does not end WATCH"));
  }

  /**
   * Ends the watching and asks for the clock once more, all within `finishMs`.
   *
   * @param probes how many times
   * @returns the probes; none when the daemon does not answer
   */
  async finish(probes: number): Promise<ClockProbe[]> {
    // Half of the time for the end of WATCH and the questions, the other half for the last answer.
    const replyMs = this.access.limits.finishMs / 2;
    const askUntil = performance.now() + replyMs;
    try {
      await this.endWatch();
      return await probeClock(this.connection, { probes, askUntil, replyMs });
    } catch {
      return [];
    } finally {
      this.close();
    }
  }

  /** Closes it. */
  close(): void {
    this.connection.close();
  }
}
