/**
 * `ipbench continue`: lets a `wait` test go on.
 *
 * @module
 */

import type { Command } from "commander";
import type { Address } from "../../config/address.ts";
import { type DaemonAccess, openDaemon } from "../../controller/link/daemon_access.ts";
import { addDaemonCommand, type DaemonLine } from "../daemons.ts";

const HELP = `
The test "wait" waits for this command, for Enter at the daemon's terminal, or
for its deadline.

Examples:
  ipbench continue 10.0.0.2

Exit status: 0 all continued, 1 one did not (no test waits there, or it is an
original), 2 wrong use.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  addDaemonCommand(program, { name: "continue", description: "let a waiting test go on", help: HELP }, goOn);
}

async function goOn(address: Address, access: DaemonAccess): Promise<DaemonLine> {
  const { connection, greeting } = await openDaemon(address, access);
  try {
    if (!greeting.extensions.has("continue")) {
      return { ok: false, text: `failed: ${greeting.peer} does not know CONTINUE; press Enter there` };
    }
    await connection.send({ name: "CONTINUE" });
    const answer = await connection.receive(access.limits.replyMs);
    if (answer.type !== "reply") return { ok: false, text: "failed: the daemon did not answer to CONTINUE" };
    await connection.send({ name: "QUIT" });
    if (answer.reply.code === 200) return { ok: true, text: "goes on" };
    return { ok: false, text: `failed: ${answer.reply.message ?? answer.reply.text}` };
  } finally {
    connection.close();
  }
}
