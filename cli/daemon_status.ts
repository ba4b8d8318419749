/**
 * What daemons report of a test that runs: one report of WATCH, and how that is shown.
 *
 * @module
 */

import type { Address } from "../config/address.ts";
import { formatDuration } from "../base/values.ts";
import { accessTo, type DaemonAccess, openDaemon } from "../controller/link/daemon_access.ts";
import type { Greeting, ProgressReport } from "../protocol/mod.ts";

/**
 * Asks a daemon for a report of the test that it runs.
 *
 * @param address The daemon.
 * @param access How to reach it.
 * @param greeting Its greeting.
 * @returns Test, owner and phase; `null` where it does not know, does not tell us, or has ended the test.
 */
export async function askReport(
  address: Address,
  access: DaemonAccess,
  greeting: Greeting,
): Promise<ProgressReport | null> {
  const locked = greeting.authNonce !== null && accessTo(access, address).prover === null;
  if (!greeting.extensions.has("watch") || locked) return null;
  try {
    const { connection } = await openDaemon(address, { ...access, requireSecret: false });
    try {
      await connection.send({ name: "WATCH" });
      const received = await connection.receive(access.limits.replyMs);
      return received.type === "progress" ? received.report : null;
    } finally {
      connection.close();
    }
  } catch {
    return null; // The secret is another one, or the daemon has no place left: what STATUS answered still holds.
  }
}

/**
 * Reports what a daemon is doing.
 *
 * @param pid The process of its test, from STATUS.
 * @param report The test's own report, where there is one.
 * @param now The time.
 * @returns Such as "running latency of 10.0.0.7:51234 since 14:03:22 (12 s), phase measure (pid 4711)".
 */
export function describeTest(pid: number, report: ProgressReport | null, now: Date): string {
  if (report === null) return `running a test (pid ${pid})`;
  const seconds = report.heldNs / 1e9;
  const since = report.heldNs === 0
    ? ""
    : ` since ${clockTime(new Date(now.getTime() - seconds * 1000), now)} (${formatDuration(seconds)})`;
  const what = report.test === "-" ? "a test" : report.test;
  const owner = report.owner === null ? "" : ` of ${report.owner}`;
  return `running ${what}${owner}${since}, phase ${report.phase} (pid ${report.pid})`;
}

/** Time of the day where we are; with the date when that is another one. */
function clockTime(time: Date, now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = (date: Date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return day(time) === day(now) ? clock : `${day(time)} ${clock}`;
}
