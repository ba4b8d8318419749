/**
 * `ipbench sink`: receives and sends bulk traffic by hand, for the test `stream` and for iperf3's clients.
 *
 * @module
 */

import type { Command } from "commander";
import { hostProblem, parsePort } from "../../config/address.ts";
import { EXIT, ExitError } from "../exit.ts";
import { hostTarget } from "../hosted_target.ts";
import { repeated } from "../repeated.ts";

const IPERF3_PORT = 5201;
const HELP = `
Answers the test stream on port 5205; with --iperf3 unchanged iperf3 clients of
3.9 to 3.21 on port ${IPERF3_PORT} instead; with --streams and --iperf3 both. Runs until
Ctrl-C, and then reports how much it moved. One line on stderr tells when it is
ready. Whoever can reach these ports can have traffic sent to them: let only
testers in.

Examples:
  ipbench sink
  ipbench sink --iperf3
  ipbench sink --iperf3 5301 --ip 10.0.0.9 --max-rate 1Gbit/s --max-time 60s
  ipbench sink --streams 5205 --iperf3 --echo 7

Exit status: 0 ended by Ctrl-C, 1 it could not start or broke, 2 wrong use.
`;

interface SinkOptions {
  streams?: string | true;
  iperf3?: string | true;
  echo?: string;
  ip?: string;
  maxTests?: string;
  maxTime?: string;
  maxRate?: string;
  pluginDir?: string[];
  debug?: boolean;
}

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  program.command("sink").description(
    "receive and send bulk traffic until Ctrl-C, for stream and for iperf3 clients",
  )
    .option(
      "--streams [port]",
      "answer the test stream on this port (default: 5205, unless --iperf3 stands alone)",
    )
    .option("--iperf3 [port]", `answer iperf3 clients on this port (default: ${IPERF3_PORT})`)
    .option("--echo <port>", "echo UDP and TCP on this port, too")
    .option("--ip <addr>", "listen on this address (default: all)")
    .option("--max-tests <n>", "iperf3 tests at a time; further clients are told to come again (default: 8)")
    .option("--max-time <time>", "longest iperf3 test (default: 1h)")
    .option("--max-rate <rate>", "most that one iperf3 test may move (default: no limit)")
    .option("--plugin-dir <dir>", "look for plugins here first; repeatable", repeated)
    .option("-d, --debug", "print more on stderr")
    .addHelpText("after", HELP)
    .action(async (options: SinkOptions) => {
      const { args, ready } = sinkArguments(options);
      await hostTarget({
        label: "ipbench sink",
        plugin: "stream_target",
        args,
        named: { iperf3_tests: "max-tests", iperf3_time: "max-time", iperf3_rate: "max-rate" },
        ready,
        pluginDirs: options.pluginDir ?? [],
        debug: options.debug ?? false,
      });
    });
}

/** The plugin's arguments, and what they mean; values are checked here so that they cannot hold a second argument. */
function sinkArguments(options: SinkOptions): { args: string; ready: string } {
  const parts: string[] = [];
  const said: string[] = [];
  const wrong: string[] = [];
  const port = (option: string, name: string, text: string, what: string) => {
    const value = parsePort(text);
    if (typeof value === "string") wrong.push(`--${option}: ${value}`);
    parts.push(`${name}=${value}`);
    said.push(`${what} on port ${value}`);
  };
  if (options.streams === undefined && options.iperf3 !== undefined) parts.push("streams=0");
  else if (typeof options.streams === "string") port("streams", "port", options.streams, "stream");
  else said.push("stream on port 5205");
  if (options.iperf3 !== undefined) {
    port("iperf3", "iperf3", options.iperf3 === true ? `${IPERF3_PORT}` : options.iperf3, "iperf3 clients");
  }
  if (options.echo !== undefined) port("echo", "echo", options.echo, "an echo");
  if (options.ip !== undefined) {
    const problem = options.ip.includes(",") ? `"${options.ip}" holds a comma` : hostProblem(options.ip);
    if (problem !== null) wrong.push(`--ip: ${problem}`);
    parts.push(`ip=${options.ip}`);
  }
  for (
    const [option, name, value] of [
      ["max-tests", "iperf3_tests", options.maxTests],
      ["max-time", "iperf3_time", options.maxTime],
      ["max-rate", "iperf3_rate", options.maxRate],
    ] as const
  ) {
    if (value === undefined) continue;
    if (options.iperf3 === undefined) wrong.push(`--${option}: is for iperf3 clients; give --iperf3 as well`);
    if (!/^[\w./]+$/.test(value)) wrong.push(`--${option}: "${value}" is no number with a unit`);
    parts.push(`${name}=${value}`);
  }
  if (wrong.length > 0) throw new ExitError(EXIT.USAGE, wrong.join("\n"));
  return {
    args: parts.join(","),
    ready: `${said.join(", ")}${options.ip === undefined ? "" : ` at ${options.ip}`}`,
  };
}
