/**
 * `ipbench check --tune`: how this machine, or those of daemons, could be set up better. Nothing is changed.
 *
 * @module
 */

import { type Address, formatAddress } from "../../config/address.ts";
import { type DaemonAccess, openDaemon } from "../../controller/link/daemon_access.ts";
import { SideChannel } from "../../controller/link/side_channel.ts";
import { PluginHost, type TuningFacts, tuningFacts } from "../../ffi/mod.ts";
import { wordsOf } from "../daemons.ts";
import { EXIT, ExitError } from "../exit.ts";
import { note, out } from "../terminal/io.ts";
import { advise } from "./advice.ts";
import { remoteFacts } from "./remote_facts.ts";
import { tuneScreen } from "./screen.ts";

/** Which interface is examined. */
export interface TuneWishes {
  iface: string | undefined;
  /** Machine under test: the interface on the way there. */
  target: string | undefined;
}

/**
 * Examines this machine and prints what could be changed.
 *
 * @param wishes Which interface.
 */
export async function tuneHere({ iface, target }: TuneWishes): Promise<void> {
  const host = PluginHost.spawn({
    pluginDirs: [],
    debug: false,
    log: (_, message) => note(`ipbench: ${message}`),
  });
  try {
    const facts = await tuningFacts({
      ...iface !== undefined && { iface },
      ...target !== undefined && { target },
      device: (name) => host.device(name),
    });
    if (iface !== undefined && facts.nic?.device.name === undefined) {
      throw new ExitError(EXIT.USAGE, `--iface: this machine has no interface "${iface}"`);
    }
    show(facts);
  } finally {
    await host.kill();
  }
}

/**
 * Prints what the records of daemons show, which is less than what can be seen on their machines.
 *
 * @param daemons The daemons.
 * @param access How to reach them.
 * @param wishes Which interface.
 * @throws {ExitError} status 1 at the end when one of them could not be asked.
 */
export async function tuneThere(
  daemons: readonly Address[],
  access: DaemonAccess,
  { iface, target }: TuneWishes,
): Promise<void> {
  let failed = 0;
  for (const [index, daemon] of daemons.entries()) {
    if (index > 0) out("\n");
    try {
      const { connection, greeting } = await openDaemon(daemon, access);
      const channel = new SideChannel(connection, access);
      try {
        if (!greeting.extensions.has("env")) {
          throw new Error(`${greeting.peer} does not describe its machine`);
        }
        const record = JSON.parse(await channel.environment(iface ?? null, target ?? null));
        show(remoteFacts(formatAddress(daemon), record));
        out('More is seen by "ipbench check --tune" on that machine.\n');
      } finally {
        channel.close();
      }
    } catch (error) {
      failed++;
      out(`${formatAddress(daemon)}: failed: ${wordsOf(error)}\n`);
    }
  }
  if (failed > 0) throw new ExitError(EXIT.FAILED);
}

function show(facts: TuningFacts): void {
  for (const line of tuneScreen(facts, advise(facts))) out(`${line}\n`);
}
