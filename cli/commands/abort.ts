/**
 * `ipbench abort`: ends whatever runs on daemons.
 *
 * @module
 */

import type { Command } from "commander";
import type { Address } from "../../config/address.ts";
import type { DaemonLink } from "../../controller/link/daemon_link.ts";
import { type DaemonAccess, openDaemon } from "../../controller/link/daemon_access.ts";
import { freeOriginal } from "../../controller/link/free_original.ts";
import { parseStatus } from "../../protocol/mod.ts";
import { addDaemonCommand, type DaemonLine } from "../daemons.ts";

const HELP = `
Ends the test that each daemon runs, whoever started it. A daemon without a test
is reported as idle.

Examples:
  ipbench abort 10.0.0.2 10.0.0.3
  ipbench abort --target 10.0.0.9
  ipbench abort lab.xml

Exit status: 0 all ended or were idle, 1 one did not end, 2 wrong use.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  addDaemonCommand(
    program,
    { name: "abort", description: "end the test that runs on daemons", help: HELP },
    abort,
  );
}

async function abort(address: Address, access: DaemonAccess): Promise<DaemonLine> {
  const { connection, greeting } = await openDaemon(address, access);
  try {
    const isOriginal = greeting.extensions.size === 0;
    const ms = access.limits.replyMs;
    const free = await runsNothing(connection, ms) && (isOriginal || await isFree(connection, ms));
    if (free) return { ok: true, text: "there was nothing to abort: it is idle" };
    if (isOriginal) {
      connection.close();
      return await freeOriginal(address, access)
        ? { ok: true, text: "aborted" }
        : { ok: false, text: "failed: the daemon still says that it runs a test; start it anew" };
    }
    await connection.send({ name: "ABORT" });
    return await connection.drain(ms)
      ? { ok: true, text: "aborted" }
      : { ok: false, text: "failed: the daemon did not close after ABORT" };
  } finally {
    connection.close();
  }
}

/** Whether the daemon reports that it runs no test; small targets report nothing. */
async function runsNothing(connection: DaemonLink, ms: number): Promise<boolean> {
  try {
    await connection.send({ name: "STATUS" });
    const answer = await connection.receive(ms);
    return answer.type === "reply" && parseStatus(answer.text)?.pid === null;
  } catch {
    return false;
  }
}

/** A controller may have taken the daemon and not begun its test yet: that is seen by asking for it oneself. */
async function isFree(connection: DaemonLink, ms: number): Promise<boolean> {
  await connection.send({ name: "HELLO" });
  const answer = await connection.receive(ms);
  if (answer.type !== "reply" || answer.reply.code !== 200) return false;
  await connection.send({ name: "QUIT" });
  return true;
}
