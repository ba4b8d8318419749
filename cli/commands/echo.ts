/**
 * `ipbench echo`: an echo target for machines without one. The same plugin that a target daemon runs, hosted in a child.
 *
 * @module
 */

import type { Command } from "commander";
import { hostProblem, parsePort } from "../../config/address.ts";
import { EXIT, ExitError } from "../exit.ts";
import { hostTarget } from "../hosted_target.ts";
import { repeated } from "../repeated.ts";

/** STAMP's own port (RFC 8762, section 4.1). */
const STAMP_PORT = "862";

const HELP = `
Sends back what it receives, until Ctrl-C, and then reports how much it was.
Without --udp, --tcp and --raw it listens on port 7 of both, with --xdp on that
of UDP. One line on stderr tells when it is ready. Raw frames have Ethernet type
0x6008; opening an interface needs CAP_NET_RAW, and ports below 1024 need
CAP_NET_BIND_SERVICE: setcap cap_net_raw,cap_net_bind_service=ep FILE.

With --stamp it is a reflector of STAMP (RFC 8762, RFC 8972) instead, on UDP
port 862 or another: it answers the test stamp and other programs' STAMP and
TWAMP Light senders, and stamps when each packet arrived and its answer left.

Examples:
  ipbench echo --udp 1235 --tcp 1235
  ipbench echo --udp 1235 --ip 10.0.0.9 --check
  ipbench echo --udp 1235 --trains
  ipbench echo --udp 1235 --threads 4 --cpus 4-7
  ipbench echo --raw eth1
  ipbench echo --xdp eth1 --udp 1235
  ipbench echo --stamp
  ipbench echo --stamp 8620 --stamp-key-file key

--xdp answers in the driver of the interface: an XDP program turns UDP to the
port round, and, where neither --udp nor --raw says otherwise, frames of type
0x6008, too. Other packets pass. The program is gone when the echo is, in
whatever way that ends. It needs root, or CAP_BPF, CAP_NET_ADMIN and
CAP_NET_RAW; see docs/fast.md.

Exit status: 0 ended by Ctrl-C, 1 it could not start or broke, 2 wrong use.
`;

interface EchoOptions {
  udp?: string;
  tcp?: string;
  ip?: string;
  raw?: string;
  xdp?: string;
  trains?: boolean;
  broadcast?: boolean;
  reflectDscp?: boolean;
  check?: boolean;
  checkSize?: string;
  stamp?: string | true;
  stampKeyFile?: string;
  stateless?: boolean;
  threads?: string;
  cpus?: string;
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
    .option("--xdp <iface>", "answer UDP and raw frames in the driver of this interface, by an XDP program")
    .option("--ip <addr>", "listen on this address (default: all)")
    .option("--trains", "UDP: take and give packets in trains, for the rates of testers with engine=gso")
    .option("--broadcast", "answer what was sent to a group or to everybody, too")
    .option("--reflect-dscp", "answer with the DSCP that came; else answers are best effort")
    .option("--check", "write the first 64-bit word plus one into the second, as latency-check expects")
    .option(
      "--check-size <bytes>",
      "with --check over TCP: bytes in a packet, the size= of the testers (default: 64)",
    )
    .option("--threads <n>", "loops, each with a socket of its own (default: 1)")
    .option("--cpus <list>", "processors of the threads, such as 0-3 or 0,2 (default: all there are)")
    .option("--stamp [port]", "be a STAMP reflector on this UDP port (default: 862), and nothing else")
    .option("--stamp-key-file <file>", "with --stamp: authenticated mode, by the key in this file")
    .option("--stateless", "with --stamp: answers have their packets' numbers, and no sessions are kept")
    .option("--plugin-dir <dir>", "look for plugins here first; repeatable", repeated)
    .option("-d, --debug", "print more on stderr")
    .addHelpText("after", HELP)
    .action(async (options: EchoOptions) => await echo(options));
}

async function echo(options: EchoOptions): Promise<void> {
  if (options.stamp !== undefined) return await reflect(options);
  for (const name of ["stampKeyFile", "stateless"] as const) {
    if (options[name] !== undefined) {
      throw new ExitError(EXIT.USAGE, `--${kebab(name)} is for a STAMP reflector: add --stamp`);
    }
  }
  await hostTarget({
    label: "ipbench echo",
    plugin: "echo",
    args: echoArguments(options),
    named: { check_size: "check-size" },
    ready: describe(options),
    pluginDirs: options.pluginDir ?? [],
    debug: options.debug ?? false,
  });
}

/** A STAMP reflector, which is a plugin of its own. */
async function reflect(options: EchoOptions): Promise<void> {
  const { stamp, stampKeyFile, stateless, ip } = options;
  const foreign = ([
    "udp",
    "tcp",
    "raw",
    "xdp",
    "trains",
    "broadcast",
    "reflectDscp",
    "check",
    "checkSize",
    "threads",
    "cpus",
  ] as const)
    .filter((name) => options[name] !== undefined);
  const wrong = foreign.map((name) =>
    `--${kebab(name)}: a reflector (--stamp) does nothing else; start another one`
  );
  const port = stamp === true || stamp === undefined ? STAMP_PORT : stamp;
  const number = parsePort(port);
  if (typeof number === "string") wrong.push(`--stamp: ${number}`);
  const address = ip === undefined ? null : ip.includes(",") ? `"${ip}" holds a comma` : hostProblem(ip);
  if (address !== null) wrong.push(`--ip: ${address}`);
  if (stampKeyFile?.includes('"') === true) {
    wrong.push(`--stamp-key-file: "${stampKeyFile}" holds a double quote`);
  }
  if (wrong.length > 0) throw new ExitError(EXIT.USAGE, wrong.join("\n"));
  const args = [`port=${port}`];
  if (ip !== undefined) args.push(`ip=${ip}`);
  if (stampKeyFile !== undefined) args.push("auth=1", `key_file="${stampKeyFile}"`);
  if (stateless) args.push("stateless=1");
  await hostTarget({
    label: "ipbench echo",
    plugin: "stamp_reflector",
    args: args.join(","),
    named: { key_file: "stamp-key-file", port: "stamp" },
    ready: `STAMP on UDP port ${port}${ip === undefined ? "" : ` at ${ip}`}${
      stampKeyFile === undefined ? "" : ", authenticated"
    }${stateless ? ", stateless" : ""}`,
    pluginDirs: options.pluginDir ?? [],
    debug: options.debug ?? false,
  });
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
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
  for (const name of ["raw", "xdp", "ip"] as const) {
    if (options[name] === undefined) continue;
    const problem = options[name].includes(",")
      ? `"${options[name]}" holds a comma`
      : hostProblem(options[name]);
    if (problem !== null) wrong.push(`--${name}: ${problem}`);
    parts.push(`${name}=${options[name]}`);
  }
  if (options.trains && options.udp === undefined && (options.tcp ?? options.raw) !== undefined) {
    wrong.push("--trains: is for UDP; give --udp PORT as well");
  }
  if (options.checkSize !== undefined) {
    if (!options.check) wrong.push("--check-size: is for packets that are checked; give --check as well");
    if (!/^\d{1,6}$/.test(options.checkSize)) {
      wrong.push(`--check-size: "${options.checkSize}" is not a number of bytes`);
    }
    parts.push(`check_size=${options.checkSize}`);
  }
  for (
    const [name, form, what] of [["threads", /^\d{1,2}$/, "number of threads"], [
      "cpus",
      /^[\d,;-]+$/,
      "list of processors",
    ]] as const
  ) {
    const value = options[name];
    if (value === undefined) continue;
    if (!form.test(value)) wrong.push(`--${name}: "${value}" is no ${what}`);
    parts.push(`${name}=${value.replaceAll(",", ";")}`);
  }
  if (options.trains) parts.push("trains=1");
  if (options.broadcast) parts.push("broadcast=1");
  if (options.reflectDscp) parts.push("reflect_dscp=1");
  if (options.check) parts.push("check=1");
  if (wrong.length > 0) throw new ExitError(EXIT.USAGE, wrong.join("\n"));
  return parts.join(",");
}

function describe(options: EchoOptions): string {
  const { udp, tcp, raw, xdp, ip, trains, check } = options;
  const all = udp === undefined && tcp === undefined && raw === undefined;
  const parts = [
    udp === undefined ? all ? "UDP port 7" : null : `UDP port ${udp}`,
    tcp === undefined ? all && xdp === undefined ? "TCP port 7" : null : `TCP port ${tcp}`,
    raw === undefined ? null : `Ethernet type 0x6008 on ${raw}`,
    xdp === undefined ? null : `by XDP on ${xdp}`,
  ].filter((part) => part !== null);
  return `${parts.join(", ")}${ip === undefined ? "" : ` at ${ip}`}${trains ? ", in trains" : ""}${
    check ? ", answering as latency-check expects" : ""
  }`;
}
