/**
 * From a name and a port to a connection.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { ConnectionError, tooLate } from "./connection_error.ts";
import { withDeadline } from "./deadline.ts";
import { hostPort, messageOf } from "./run_error.ts";

/** TLS with these trusted certificates (PEM) beside the system's; `null`: plain TCP. */
export type Tls = { caCerts: string[] } | null;

/**
 * Connects, trying each address of a name in turn.
 *
 * @param host name or address
 * @param port port number
 * @param ms bound of the whole attempt, TLS included, in milliseconds
 * @param tls TLS or none
 * @returns the connection, with Nagle's algorithm off
 * @throws {ConnectionError} when no address answers in time
 */
export async function dial(
  host: string,
  port: number,
  ms: number,
  tls: Tls,
): Promise<Deno.TcpConn | Deno.TlsConn> {
  const deadline = performance.now() + ms;
  let failure: unknown = null;
  for (const address of await addressesOf(host, ms)) {
    const left = deadline - performance.now();
    if (left <= 0) break;
    try {
      return await connectOne(host, address, port, left, tls);
    } catch (error) {
      failure = error;
    }
  }
  if (failure instanceof ConnectionError) throw failure;
  throw new ConnectionError(
    "connect",
    `cannot connect to ${hostPort(host, port)} (${failure === null ? "no address" : messageOf(failure)})`,
    failure,
  );
}

async function addressesOf(host: string, ms: number): Promise<string[]> {
  if (host.includes(":") || /^[\d.]+$/.test(host)) return [host];
  try {
    const found = await withDeadline(lookup(host, { all: true }), ms, () => tooLate(ms));
    return found.map((entry) => entry.address);
  } catch (error) {
    throw new ConnectionError("connect", `cannot resolve the name "${host}" (${messageOf(error)})`, error);
  }
}

async function connectOne(
  host: string,
  address: string,
  port: number,
  ms: number,
  tls: Tls,
): Promise<Deno.TcpConn | Deno.TlsConn> {
  let late = false;
  const attempt = (async () => {
    const plain = await Deno.connect({ hostname: address, port });
    plain.setNoDelay(true);
    if (tls === null || late) return plain;
    try {
      const secure = await Deno.startTls(plain, { hostname: host, caCerts: tls.caCerts });
      await secure.handshake();
      return secure;
    } catch (error) {
      throw new ConnectionError(
        "connect",
        `TLS with ${hostPort(host, port)} failed (${messageOf(error)})`,
        error,
      );
    }
  })();
  attempt.then((conn) => late && conn.close(), () => {});
  return await withDeadline(attempt, ms, () => {
    late = true;
    return new ConnectionError(
      "timeout",
      `${hostPort(host, port)} did not accept a connection within ${(ms / 1000).toFixed(1)} s`,
    );
  });
}
