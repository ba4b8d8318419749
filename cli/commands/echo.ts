/**
 * `ipbench echo`: an echo target for machines without one. The same plugin that a target daemon runs, hosted in a child.
 *
 * @module
 */

import type { Command } from "commander";
import { hostProblem, parsePort } from "../../config/address.ts";
import { EXIT, ExitError } from "../exit.ts";
import { hostTarget } from "../hosted_target.ts";

const HELP = `
Sends back what comes, until Ctrl-C; then says how much it was. Without --udp, --tcp and --raw it listens on port 7 of
both. One line on stderr says when it is ready. Raw frames have Ethernet type 0x6008; opening an interface needs
CAP_NET_RAW, and ports below 1024 need CAP_NET_BIND_SERVICE: setcap cap_net_raw,cap_net_bind_service=ep FILE.

Examples:
  ipbench echo --udp 1235 --tcp 1235
  ipbench echo --udp 1235 --ip 10.0.0.9 --check
  ipbench echo --udp 1235 --trains
  ipbench echo --raw eth1

Exit status: 0 ended by Ctrl-C, 1 it could not start or broke, 2 wrong use.
`;

interface EchoOptions {
  udp?: string;
  tcp?: string;
  ip?: string;
  raw?: string;
  trains?: boolean;
  broadcast?: boolean;
  reflectDscp?: boolean;
  check?: boolean;
  checkSize?: string;
  pluginDir?: string[];
  debug?: boolean;
}

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  program.command("echo").description("be an echo target until Ctrl-C")
    .option("--udp <port>", "echo UDP on this port")
    .option("--tcp <port>", "echo TCP on this port")
    .option("--raw <iface>", "echo Ethernet frames of type 0x6008 on this interface")
    .option("--ip <addr>", "listen on this address (default: all)")
    .option("--trains", "UDP: take and give packets in trains, for the rates of testers with engine=gso")
    .option("--broadcast", "answer what was sent to a group or to everybody, too")
    .option("--reflect-dscp", "answer with the DSCP that came; else answers are best effort")
    .option("--check", "write the first 64-bit word plus one into the second, as latency-check expects")
    .option("--check-size <bytes>", "with --check over TCP: bytes in a packet, the size= of the testers")
    .option(
      "--plugin-dir <dir>",
      "look for plugins here first; may be given many times",
      (dir: string, before: string[] | undefined) => [...before ?? [], dir],
    )
    .option("-d, --debug", "say more on stderr")
    .addHelpText("after", HELP)
    .action(async (options: EchoOptions) => await echo(options));
}

async function echo(options: EchoOptions): Promise<void> {
  await hostTarget({
    label: "ipbench echo",
    plugin: "echo",
    args: echoArguments(options),
    ready: describe(options),
    pluginDirs: options.pluginDir ?? [],
    debug: options.debug ?? false,
  });
}

/** The plugin's arguments; values are checked here so that they cannot hold a second argument. */
function echoArguments(options: EchoOptions): string {
  const parts: string[] = [];
  const wrong: string[] = [];
  for (const name of ["udp", "tcp"] as const) {
    if (options[name] === undefined) continue;
    const port = parsePort(options[name]);
    if (typeof port === "string") wrong.push(`--${name}: ${port}`);
    parts.push(`${name}=${port}`);
  }
  for (const name of ["raw", "ip"] as const) {
    if (options[name] === undefined) continue;
    const problem = options[name].includes(",")
      ? `"${options[name]}" holds a comma`
      : hostProblem(options[name]);
    if (problem !== null) wrong.push(`--${name}: ${problem}`);
    parts.push(`${name}=${options[name]}`);
  }
  if (options.checkSize !== undefined) {
    if (!/^\d{1,6}$/.test(options.checkSize)) {
      wrong.push(`--check-size: "${options.checkSize}" is not a number of bytes`);
    }
    parts.push(`check_size=${options.checkSize}`);
  }
  if (options.trains) parts.push("trains=1");
  if (options.broadcast) parts.push("broadcast=1");
  if (options.reflectDscp) parts.push("reflect_dscp=1");
  if (options.check) parts.push("check=1");
  if (wrong.length > 0) throw new ExitError(EXIT.USAGE, wrong.join("\n"));
  return parts.join(",");
}

function describe(options: EchoOptions): string {
  const { udp, tcp, raw, ip, trains, check } = options;
  const all = udp === undefined && tcp === undefined && raw === undefined;
  const parts = [
    udp === undefined ? all ? "UDP port 7" : null : `UDP port ${udp}`,
    tcp === undefined ? all ? "TCP port 7" : null : `TCP port ${tcp}`,
    raw === undefined ? null : `Ethernet type 0x6008 on ${raw}`,
  ].filter((part) => part !== null);
  return `${parts.join(", ")}${ip === undefined ? "" : ` at ${ip}`}${trains ? ", in trains" : ""}${
    check ? ", answering as latency-check expects" : ""
  }`;
}
