/**
 * `ipbench status`: what daemons are doing.
 *
 * @module
 */

import type { Command } from "@commander-js/extra-typings";
import { Connection } from "../controller/connection.ts";
import type { DaemonAccess } from "../controller/daemon_access.ts";
import type { Address } from "../config/address.ts";
import { parseStatus } from "../protocol/texts.ts";
import { addDaemonOptions, daemonAccess, daemonAddresses, type DaemonLine, eachDaemon } from "./daemons.ts";
import type { DaemonOptions } from "./daemons.ts";

const HELP = `
One line a daemon on stdout: address, what it is, what it does, its version. A daemon answers this without a secret.

Examples:
  ipbench status 10.0.0.2 10.0.0.3:9036
  ipbench status --target 10.0.0.9

Exit status: 0 all answered, 1 one did not, 2 wrong use.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const command = program.command("status").description("show what daemons are doing")
    .argument("<host...>", "HOST, HOST:PORT or [IPv6]:PORT");
  addDaemonOptions(command as unknown as Command).addHelpText("after", HELP)
    .action(async (...args: unknown[]) => {
      const options = args[1] as DaemonOptions;
      const addresses = daemonAddresses(args[0] as string[], options);
      const access = await daemonAccess(options);
      await eachDaemon(addresses, (address) => statusOf(address, access));
    });
}

/** STATUS comes before any secret, so this does not authenticate. */
async function statusOf(address: Address, { limits, tls }: DaemonAccess): Promise<DaemonLine> {
  const { connectMs, greetingMs, replyMs, lineBytes, resultBytes } = limits;
  const connection = await Connection.open(address.host, address.port, {
    connectMs,
    lineBytes,
    resultBytes,
    tls,
  });
  try {
    const first = await connection.hear(greetingMs);
    if (first.type !== "greeting") throw new Error("the daemon does not serve us");
    await connection.say({ name: "STATUS" });
    const answer = await connection.hear(replyMs);
    const status = answer.type === "reply" ? parseStatus(answer.text) : null;
    if (status === null) throw new Error("the answer to STATUS makes no sense");
    await connection.say({ name: "QUIT" });
    const doing = status.pid === null ? "idle" : `running a test (pid ${status.pid})`;
    const secret = first.greeting.authNonce === null ? "" : ", asks for a secret";
    return { ok: true, text: `${status.role}  ${doing}  ${first.greeting.peer}${secret}` };
  } finally {
    connection.close();
  }
}
