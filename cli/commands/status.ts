/**
 * `ipbench status`: what daemons are doing.
 *
 * @module
 */

import type { Command } from "commander";
import type { DaemonAccess } from "../../controller/link/daemon_access.ts";
import type { Address } from "../../config/address.ts";
import { askStatus } from "../../controller/link/ask_status.ts";
import { askReport, describeTest } from "../daemon_status.ts";
import { addDaemonCommand, type DaemonLine } from "../daemons.ts";

const HELP = `
One line for each daemon on stdout: address, role, what it is doing, version. A
daemon answers this without a secret; which test it runs, for which controller,
since when and in which phase is shown only to those who have the secret.

Examples:
  ipbench status 10.0.0.2 10.0.0.3:9036
  ipbench status --target 10.0.0.9
  ipbench status lab.xml

Exit status: 0 all answered, 1 one did not, 2 wrong use.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  addDaemonCommand(
    program,
    { name: "status", description: "show what daemons are doing", help: HELP },
    statusOf,
  );
}

async function statusOf(address: Address, access: DaemonAccess): Promise<DaemonLine> {
  const { status, greeting } = await askStatus(address, access, false);
  if (status === null) return { ok: true, text: `does not report its status  ${greeting.peer}` };
  const doing = status.pid === null
    ? "idle"
    : describeTest(status.pid, await askReport(address, access, greeting), new Date());
  const secret = greeting.authNonce === null ? "" : ", asks for a secret";
  return { ok: true, text: `${status.role}  ${doing}  ${greeting.peer}${secret}` };
}
