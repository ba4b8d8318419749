/**
 * `ipbench abort`: ends whatever runs on daemons.
 *
 * @module
 */

import type { Command } from "@commander-js/extra-typings";
import type { Address } from "../config/address.ts";
import { type DaemonAccess, openDaemon } from "../controller/daemon_access.ts";
import { freeOriginal } from "../controller/free_original.ts";
import { addDaemonCommand, type DaemonLine } from "./daemons.ts";

const HELP = `
Ends the test that each daemon runs, whoever started it; a daemon that runs nothing is left as it is.

Examples:
  ipbench abort 10.0.0.2 10.0.0.3
  ipbench abort --target 10.0.0.9

Exit status: 0 all did it, 1 one did not, 2 wrong use.
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
    if (greeting.extensions.size === 0) {
      connection.close();
      return await freeOriginal(address, access)
        ? { ok: true, text: "aborted" }
        : { ok: false, text: "failed: the daemon still says that it runs a test; start it anew" };
    }
    await connection.say({ name: "ABORT" });
    const closed = await connection.drain(access.limits.replyMs);
    return closed
      ? { ok: true, text: "aborted" }
      : { ok: false, text: "failed: the daemon did not close after ABORT" };
  } finally {
    connection.close();
  }
}
