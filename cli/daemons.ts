/**
 * What `status`, `abort`, `continue`, `watch` and `check` share: the daemons named on the command line, reached side by
 * side, one line each.
 *
 * @module
 */

import type { Command } from "commander";
import { messageOf } from "../base/errors.ts";
import { type Address, formatAddress, parseAddress, parsePort } from "../config/address.ts";
import { tlsOf } from "../config/command_line.ts";
import { type DaemonDescription, daemonsOf } from "../config/daemons.ts";
import { parseHostFiles, strayHosts, typedKeys } from "../config/hosts/host_files.ts";
import { DEFAULT_CLIENT_PORT, DEFAULT_TARGET_PORT } from "../config/run_description.ts";
import { ConnectionError } from "../controller/link/connection_error.ts";
import type { DaemonAccess } from "../controller/link/daemon_access.ts";
import { LIMITS } from "../controller/limits.ts";
import { type KeyFiles, readAccess } from "../controller/link/read_access.ts";
import { Semaphore } from "../base/semaphore.ts";
import { EXIT, ExitError } from "./exit.ts";
import { expandHosts } from "./input/host_words.ts";
import { plainText, wrapWords } from "./terminal/text.ts";
import { out, widthOf } from "./terminal/io.ts";
import { checkKeys, keyOptions, readConfig } from "./run_options.ts";
import { completeKeys, type KeyOptions } from "./secret.ts";

/** Options of these subcommands. */
export interface DaemonOptions extends KeyOptions {
  config?: string;
  port?: string;
  target?: boolean;
  tlsCert?: string;
  tlsKey?: string;
}

/** The daemons that were named, and what it takes to reach them. */
export interface NamedDaemons {
  addresses: Address[];
  access: DaemonAccess;
}

/** What the argument of these subcommands is called. */
const HOSTS =
  "HOST, HOST:PORT, [IPv6]:PORT, lab[01-64], @FILE of these, or a configuration (FILE.xml) for the daemons in it";

/** Whether a word names a configuration: no host has a slash in its name, or ends like this. */
export function isConfig(word: string): boolean {
  return !word.startsWith("@") && /^-$|\/|\.xml$/i.test(word);
}

/**
 * Adds a subcommand that talks to the daemons named on its command line.
 *
 * @param program The program.
 * @param about Its name, what it does, and the text after its options.
 * @param talk What to do.
 * @returns The subcommand, for more options.
 */
export function addDaemonsCommand<Options extends DaemonOptions>(
  program: Command,
  about: { name: string; description: string; help: string },
  talk: (daemons: NamedDaemons, options: Options) => Promise<void>,
): Command {
  const { secretFile, tls } = keyOptions();
  return program.command(about.name).description(about.description)
    .argument("[host...]", HOSTS)
    .option("--config <file>", "a configuration: the daemons that it names")
    .option("-p, --port <port>", `control port where a host names none (default: ${DEFAULT_CLIENT_PORT})`)
    .option("--target", `the daemons are targets: port ${DEFAULT_TARGET_PORT} where a host names none`)
    .addOption(secretFile)
    .addOption(tls[0])
    .addOption(tls[1])
    .addOption(tls[2])
    .addHelpText("after", about.help)
    .action(async (hosts: string[], options: Options) => {
      await talk(await findDaemons(hosts, options), options);
    });
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
  addDaemonsCommand(program, about, async ({ addresses, access }) => {
    await eachDaemon(addresses, (address) => ask(address, access));
  });
}

/**
 * Finds out which daemons are meant, and reads the keys for them.
 *
 * @param words What was typed: hosts, configurations.
 * @param options Ports and keys.
 * @returns The daemons, in the order of the command line.
 * @throws {ExitError} naming everything that is wrong.
 * @throws {ConfigError} when a configuration is.
 */
export async function findDaemons(words: readonly string[], options: DaemonOptions): Promise<NamedDaemons> {
  const files = [
    ...words.filter(isConfig),
    ...options.config === undefined ? [] : [options.config],
  ];
  const hosts = await expandHosts(words.filter((word) => !isConfig(word)), null);
  if (files.length + hosts.length === 0) {
    throw new ExitError(EXIT.USAGE, "which daemons? Give HOST, or a configuration that names them");
  }
  const typed = typedPort(options.port);
  const keys = completeKeys(options);
  const keyFiles = { secretFile: parseHostFiles(keys.secretFile), tlsCa: parseHostFiles(keys.tlsCa) };
  const own = (daemon: Address) => typedKeys(keyFiles, daemon);
  const daemons: DaemonDescription[] = [];
  for (const file of files) {
    const ports = { client: typed ?? DEFAULT_CLIENT_PORT, target: DEFAULT_TARGET_PORT };
    const found = daemonsOf(await readConfig(file), ports, own);
    await checkKeys({ clients: found.daemons }, found.places, options);
    daemons.push(...found.daemons);
  }
  const port = typed ?? (options.target ? DEFAULT_TARGET_PORT : DEFAULT_CLIENT_PORT);
  daemons.push(...parseHosts(hosts, port).map((address) => ({ ...address, ...own(address) })));
  const { secretFile: secrets, tlsCa: authorities } = keyFiles;
  const stray = new Set([...strayHosts(secrets, daemons), ...strayHosts(authorities, daemons)]);
  if (stray.size > 0) {
    const names = Array.from(stray, (host) => plainText(host)).join(", ");
    throw new ExitError(
      EXIT.USAGE,
      `keys for ${names}, which is none of the daemons (a path with "=" is written ./a=b)`,
    );
  }
  const { tls, problem } = tlsOf({ ...keys, tlsCa: authorities.all });
  if (problem !== null) throw new ExitError(EXIT.USAGE, `${problem.where}: ${problem.message}`);
  const access = await daemonAccess({ secretFile: secrets.all ?? null, tls, clients: daemons });
  return { addresses: daemons.map(({ host, port }) => ({ host, port })), access };
}

function typedPort(text: string | undefined): number | null {
  if (text === undefined) return null;
  const port = parsePort(text);
  if (typeof port === "number") return port;
  throw new ExitError(EXIT.USAGE, `--port: ${port}`);
}

function parseHosts(hosts: readonly string[], port: number): Address[] {
  const wrong: string[] = [];
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
 * @param files Where the keys are.
 * @returns Limits, TLS and secrets.
 * @throws {ExitError} when a file cannot be read.
 */
export async function daemonAccess(files: KeyFiles): Promise<DaemonAccess> {
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
async function eachDaemon(
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

/** Reports what went wrong with a daemon, and what can be done about it where that is known. */
export function wordsOf(error: unknown): string {
  if (error instanceof ConnectionError && error.remedy !== null) return `${error.message}; ${error.remedy}`;
  return messageOf(error);
}
