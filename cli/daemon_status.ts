/**
 * What daemons report of themselves: STATUS and, of a test that runs, one report of WATCH.
 *
 * @module
 */

import type { Address } from "../config/address.ts";
import { formatDuration } from "../base/values.ts";
import { accessTo, type DaemonAccess, greetDaemon, openDaemon } from "../controller/link/daemon_access.ts";
import { type Greeting, parseStatus, type ProgressReport, type Status } from "../protocol/mod.ts";

/**
 * Asks a daemon what it does.
 *
 * @param address The daemon.
 * @param access How to reach it.
 * @param authenticate Whether to prove the secret where one is asked for; STATUS itself needs none.
 * @returns Its greeting and its status; `null` where it refuses to tell or answers 200 alone, as targets without an
 * operating system do, which know no more than a run says to them.
 * @throws {ConnectionError | ProtocolError} when it cannot be reached or makes no sense.
 */
export async function askStatus(
  address: Address,
  access: DaemonAccess,
  authenticate: boolean,
): Promise<{ greeting: Greeting; status: Status | null }> {
  const { connection, greeting } = authenticate
    ? await openDaemon(address, access)
    : await greetDaemon(address, access);
  try {
    await connection.send({ name: "STATUS" });
    const answer = await connection.receive(access.limits.replyMs);
    const status = answer.type === "reply" ? parseStatus(answer.text) : null;
    const tellsNothing = answer.type === "reply" && answer.text.length === 0 &&
      greeting.extensions.size === 0 &&
      [200, 400, 500].includes(answer.reply.code);
    if (status === null && !tellsNothing) {
      throw new Error("the answer to STATUS makes no sense; is that an ipbench daemon?");
    }
    // An original takes anybody's QUIT for the end of the test that it runs.
    if (greeting.extensions.size > 0) await connection.send({ name: "QUIT" });
    return { greeting, status };
  } finally {
    connection.close();
  }
}

/**
 * Asks a daemon for a report of the test that it runs.
 *
 * @param address The daemon.
 * @param access How to reach it.
 * @param greeting Its greeting.
 * @returns Test, owner and phase; `null` where it cannot tell, does not tell us, or has ended the test.
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
 * Says what a daemon is doing.
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
