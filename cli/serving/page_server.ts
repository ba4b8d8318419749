/**
 * Starting the server of pages: where it listens, who may read, and what it says when it cannot.
 *
 * @module
 */

import { isIP } from "node:net";
import { type Command, Option } from "commander";
import { type Address, formatAddress, parseAddress } from "../../config/address.ts";
import { tokenProblem } from "../../serve/guard.ts";
import { DEFAULT_LISTEN, MAX_TOKEN } from "../../serve/limits.ts";
import { PageServer, type ServedPages } from "../../serve/server.ts";
import { EXIT, ExitError } from "../exit.ts";
import { readBounded } from "../read_documents.ts";
import { reasonOf } from "../input/read_bytes.ts";
import { warnOfReaders } from "../secret.ts";
import { serveHttp } from "./http_server.ts";

/** Who may read the pages. */
export interface PageOptions {
  tokenFile?: string;
  certFile?: string;
  keyFile?: string;
  name?: string[];
}

/** A server that runs. */
export interface RunningServer {
  /** Without a token. */
  url: string;
  close(): Promise<void>;
}

/**
 * Adds the options beside the address.
 *
 * @param command The subcommand.
 */
export function addPageOptions(command: Command): Command {
  return command
    .addOption(new Option("--token-file <file>", "readers need the token in this file"))
    .addOption(new Option("--cert-file <file>", "speak TLS, with this certificate (PEM)"))
    .addOption(new Option("--key-file <file>", "its key (PEM)"));
}

/**
 * Reads where to listen: HOST:PORT, PORT, or HOST.
 *
 * @param text What was typed.
 * @throws {ExitError} when it is none of them.
 */
export function listenAddress(text: string): Address {
  const fallback = parseAddress(DEFAULT_LISTEN, 0) as Address;
  const found = parseAddress(/^\d{1,5}$/.test(text) ? `${fallback.host}:${text}` : text, fallback.port);
  const problem = typeof found === "string"
    ? found
    : isIP(found.host) === 0 && found.host !== "localhost"
    ? `${JSON.stringify(found.host)} is no address of this machine; expected one such as ${DEFAULT_LISTEN}`
    : null;
  if (problem !== null) throw new ExitError(EXIT.USAGE, `cannot listen at ${text}: ${problem}`);
  return found as Address;
}

/**
 * Serves pages.
 *
 * @param address Where.
 * @param what Runs that go on, and results where there are some.
 * @param options Who may read them.
 * @throws {ExitError} when it cannot, or would let everybody on the network read them in the clear.
 */
export async function startPages(
  address: Address,
  what: Omit<ServedPages, "guard">,
  options: PageOptions,
): Promise<RunningServer> {
  const { certFile, keyFile, tokenFile, name: names = [] } = options;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new ExitError(EXIT.USAGE, "a certificate needs its key: give both --cert-file and --key-file");
  }
  const tls = certFile !== undefined && keyFile !== undefined
    ? { cert: await readKey(certFile), key: await readKey(keyFile) }
    : null;
  const token = tokenFile === undefined ? null : await readToken(tokenFile);
  if (!isLoopback(address.host) && token === null && tls === null) {
    throw new ExitError(
      EXIT.USAGE,
      `${
        formatAddress(address)
      } can be reached from elsewhere: give --token-file, or --cert-file and --key-file ` +
        "for TLS, or listen at 127.0.0.1",
    );
  }
  const pages = new PageServer({ ...what, guard: { token, names, tls: tls !== null } });
  try {
    const server = await serveHttp(address, tls, (request) => pages.handle(request));
    return {
      url: `http${tls === null ? "" : "s"}://${formatAddress(server.address)}/`,
      close: () => server.close(),
    };
  } catch (cause) {
    const why = (cause as { code?: unknown }).code === "EADDRINUSE"
      ? "another program listens there"
      : reasonOf(cause);
    throw new ExitError(EXIT.FAILED, `cannot listen at ${formatAddress(address)}: ${why}`, { cause });
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || isIP(host) === 4 && host.startsWith("127.");
}

async function readToken(file: string): Promise<string> {
  warnOfReaders(file);
  const token = (await readKey(file)).trim();
  const problem = tokenProblem(token);
  if (problem !== null) throw new ExitError(EXIT.USAGE, `${file}: ${problem}`);
  return token;
}

async function readKey(file: string): Promise<string> {
  try {
    return await readBounded(file, 64 * 1024 + MAX_TOKEN);
  } catch (cause) {
    throw new ExitError(EXIT.USAGE, `cannot read ${file}: ${reasonOf(cause)}`, { cause });
  }
}
