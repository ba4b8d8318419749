/**
 * What `status`, `abort`, `continue`, `watch` and `check` share: the daemons named on the command line, reached side by
 * side, one line each.
 *
 * @module
 */

import { type Command, Option } from "@commander-js/extra-typings";
import { type Address, formatAddress, parseAddress, parsePort } from "../config/address.ts";
import { tlsOf } from "../config/command_line.ts";
import { DEFAULT_CLIENT_PORT, DEFAULT_TARGET_PORT } from "../config/run_description.ts";
import { Connection } from "../controller/connection.ts";
import { type DaemonAccess, type OpenDaemon, openDaemon } from "../controller/daemon_access.ts";
import { LIMITS } from "../controller/limits.ts";
import { type KeyFiles, readAccess } from "../controller/read_access.ts";
import { Semaphore } from "../controller/semaphore.ts";
import type { Greeting } from "../protocol/greeting.ts";
import { parseStatus, type Status } from "../protocol/texts.ts";
import { EXIT, ExitError } from "./exit.ts";
import { plainText, wrapWords } from "./format.ts";
import { out, widthOf } from "./io.ts";
import { TLS_HELP } from "./run_options.ts";
import { findSecretFile } from "./secret.ts";

/** Options of these subcommands. */
export interface DaemonOptions {
  port?: string;
  target?: boolean;
  secretFile?: string;
  requireSecret?: boolean;
  tlsCa?: string;
  tlsCert?: string;
  tlsKey?: string;
}

/**
 * Adds the options to a subcommand.
 *
 * @param command The subcommand.
 * @returns The same.
 */
export function addDaemonOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "-p, --port <port>",
        `control port where a host names none (default: ${DEFAULT_CLIENT_PORT})`,
      ),
    )
    .addOption(
      new Option("--target", `the daemons are targets: port ${DEFAULT_TARGET_PORT} where a host names none`),
    )
    .addOption(
      new Option(
        "--secret-file <file>",
        "the secret that daemons ask for (default: $IPBENCH_SECRET_FILE, ~/.config/ipbench/secret)",
      ),
    )
    .addOption(
      new Option("--tls-ca <file>", TLS_HELP.ca),
    )
    .addOption(new Option("--tls-cert <file>", TLS_HELP.cert))
    .addOption(new Option("--tls-key <file>", TLS_HELP.key)) as unknown as Command;
}

/**
 * Adds a subcommand that asks each of the daemons named on its command line one thing.
 *
 * @param program The program.
 * @param about Its name, what it does, and the text after its options.
 * @param ask What to do with a daemon.
 */
export function addDaemonCommand(
  program: Command,
  about: { name: string; description: string; help: string },
  ask: (address: Address, access: DaemonAccess) => Promise<DaemonLine>,
): void {
  const command = program.command(about.name).description(about.description)
    .argument("<host...>", "HOST, HOST:PORT or [IPv6]:PORT");
  addDaemonOptions(command as unknown as Command).addHelpText("after", about.help)
    .action(async (...args: unknown[]) => {
      const options = args[1] as DaemonOptions;
      const addresses = daemonAddresses(args[0] as string[], options);
      const access = await daemonAccess(options);
      await eachDaemon(addresses, (address) => ask(address, access));
    });
}

/**
 * Reads the daemons' addresses.
 *
 * @param hosts What was typed: HOST, HOST:PORT or [IPv6]:PORT.
 * @param options The port to use where none is named.
 * @returns The addresses.
 * @throws {ExitError} naming every one that is wrong.
 */
export function daemonAddresses(hosts: readonly string[], options: DaemonOptions): Address[] {
  let port: number = options.target ? DEFAULT_TARGET_PORT : DEFAULT_CLIENT_PORT;
  const wrong: string[] = [];
  if (options.port !== undefined) {
    const typed = parsePort(options.port);
    if (typeof typed === "string") wrong.push(`--port: ${typed}`);
    else port = typed;
  }
  const addresses = hosts.flatMap((host) => {
    const address = parseAddress(host, port);
    if (typeof address !== "string") return address;
    wrong.push(address);
    return [];
  });
  if (wrong.length > 0) throw new ExitError(EXIT.USAGE, wrong.join("\n"));
  return addresses;
}

/**
 * Makes what it takes to reach daemons.
 *
 * @param options Secret and certificate authority.
 * @returns Limits, TLS and secret.
 * @throws {ExitError} when a file cannot be read.
 */
export async function daemonAccess(options: DaemonOptions): Promise<DaemonAccess> {
  const secretFile = findSecretFile(options.secretFile) ?? null;
  const { tls, problem } = tlsOf(options);
  if (problem !== null) throw new ExitError(EXIT.USAGE, `${problem.where}: ${problem.message}`);
  return await accessWith({ secretFile, requireSecret: options.requireSecret, tls });
}

/**
 * Makes what it takes to reach daemons.
 *
 * @param files Where secret and certificates are, as in a run description.
 * @returns Limits, TLS and secret.
 * @throws {ExitError} when a file cannot be read.
 */
export async function accessWith(files: KeyFiles): Promise<DaemonAccess> {
  try {
    return await readAccess(files, LIMITS);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ExitError(EXIT.USAGE, cause.message, { cause });
  }
}

/** What one daemon answered. */
export interface DaemonLine {
  ok: boolean;
  text: string;
}

/**
 * Does something with each daemon, side by side with a limit, and prints one line each in the order of the command
 * line, as soon as it and those before it are known.
 *
 * @param addresses The daemons.
 * @param ask What to do; what it throws is that daemon's line.
 * @throws {ExitError} status 1 at the end when one of them failed.
 */
export async function eachDaemon(
  addresses: readonly Address[],
  ask: (address: Address) => Promise<DaemonLine>,
): Promise<void> {
  const lanes = new Semaphore(LIMITS.parallel);
  const width = Math.max(...addresses.map((address) => formatAddress(address).length));
  const answers = addresses.map((address) =>
    lanes.run(() => ask(address)).catch((error): DaemonLine => ({
      ok: false,
      text: `failed: ${wordsOf(error)}`,
    }))
  );
  let failed = false;
  for (const [index, address] of addresses.entries()) {
    const line = await answers[index];
    if (line === undefined) continue;
    const text = `${formatAddress(address).padEnd(width)}  ${plainText(line.text)}\n`;
    out(wrapWords(text, widthOf(Deno.stdout)));
    failed ||= !line.ok;
  }
  if (failed) throw new ExitError(EXIT.FAILED);
}

/**
 * Asks a daemon what it does.
 *
 * @param address The daemon.
 * @param access How to reach it.
 * @param authenticate Whether to prove the secret where one is asked for; STATUS itself needs none.
 * @returns Its greeting and its status.
 * @throws {ConnectionError | ProtocolError} when it cannot be reached or makes no sense.
 */
export async function askStatus(
  address: Address,
  access: DaemonAccess,
  authenticate: boolean,
): Promise<{ greeting: Greeting; status: Status }> {
  const { connection, greeting } = authenticate
    ? await openDaemon(address, access)
    : await greeted(address, access);
  try {
    await connection.say({ name: "STATUS" });
    const answer = await connection.hear(access.limits.replyMs);
    const status = answer.type === "reply" ? parseStatus(answer.text) : null;
    if (status === null) throw new Error("the answer to STATUS makes no sense; is that an ipbench daemon?");
    // An original takes anybody's QUIT for the end of the test that it runs.
    if (greeting.extensions.size > 0) await connection.say({ name: "QUIT" });
    return { greeting, status };
  } finally {
    connection.close();
  }
}

async function greeted(address: Address, { limits, tls }: DaemonAccess): Promise<OpenDaemon> {
  const { connectMs, greetingMs, lineBytes, resultBytes } = limits;
  const connection = await Connection.open(address.host, address.port, {
    connectMs,
    lineBytes,
    resultBytes,
    tls,
  });
  const first = await connection.hear(greetingMs).catch((error) => {
    connection.close();
    throw error;
  });
  if (first.type === "greeting") return { connection, greeting: first.greeting };
  connection.close();
  const said = "reply" in first
    ? `${first.reply.code} ${first.reply.message ?? first.reply.text}`
    : first.type;
  throw new Error(`the daemon does not serve us: ${said}`);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
