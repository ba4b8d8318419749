/**
 * Freeing an original daemon whose controller leaves it in the middle of a test. It does not read its connection while
 * the test runs, and ABORT on another one kills the test's process without noting that it is gone: only an ABORT that
 * finds no process any more does so, which takes until the daemon has reaped it.
 *
 * @module
 */

import { parseStatus, type Status } from "../../protocol/mod.ts";
import type { DaemonLink } from "./daemon_link.ts";
import { type DaemonAccess, type DaemonPlace, openDaemon } from "./daemon_access.ts";
import { pause } from "../../base/deadline.ts";
import { FREE_ATTEMPTS, FREE_PAUSE_MS } from "../limits.ts";

/**
 * Ends the test that an original daemon runs, and sees to it that the daemon knows. Never throws; bounded by `abortMs` for
 * each step and {@linkcode FREE_ATTEMPTS} of them. A test that somebody else begins meanwhile is left alone. A daemon that
 * does not know STATUS, such as a small target, is sent ABORT once.
 *
 * @param at the daemon's host and port
 * @param access limits, TLS and secret
 * @returns whether the daemon is free, or has another test by now
 */
export async function freeOriginal(
  at: DaemonPlace,
  access: DaemonAccess,
): Promise<boolean> {
  const { abortMs } = access.limits;
  const limits = { ...access.limits, connectMs: abortMs, greetingMs: abortMs, replyMs: abortMs };
  let first: number | undefined;
  for (let attempt = 0; attempt < FREE_ATTEMPTS; attempt++) {
    if (attempt > 0) await pause(FREE_PAUSE_MS);
    try {
      const { connection } = await openDaemon(at, { ...access, limits });
      try {
        const status = await statusOf(connection, abortMs);
        if (status !== null && (status.pid === null || status.pid !== (first ?? status.pid))) return true;
        await connection.send({ name: "ABORT" });
        const closed = await connection.drain(abortMs);
        if (status === null) return closed;
        first = status.pid ?? undefined;
      } finally {
        connection.close();
      }
    } catch {
      if (first === undefined) return false;
    }
  }
  return false;
}

async function statusOf(connection: DaemonLink, ms: number): Promise<Status | null> {
  try {
    await connection.send({ name: "STATUS" });
    const answer = await connection.receive(ms);
    return answer.type === "reply" ? parseStatus(answer.text) : null;
  } catch {
    return null;
  }
}
