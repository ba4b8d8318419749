/**
 * From a name and a port to a connection.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { messageOf } from "../../base/errors.ts";
import { ConnectionError, tooLate } from "./connection_error.ts";
import { withDeadline } from "../../base/deadline.ts";
import { hostPort } from "../run/run_error.ts";

/** A certificate and its key, both in PEM. */
export interface OwnCertificate {
  cert: string;
  key: string;
}

/**
 * TLS with these trusted certificates (PEM), beside those that the runtime was started with, and the certificate to show to
 * daemons that ask for one; `null`: plain TCP.
 */
export type Tls = { caCerts: string[]; own?: OwnCertificate } | null;

/** How long one address is tried alone before the next one is tried beside it, as RFC 8305 has it. */
const STAGGER_MS = 250;
/** Addresses of a name that are tried. */
const MAX_ADDRESSES = 16;

/**
 * Connects; the addresses of a name are tried one after another, the next as soon as the one before has failed or has not
 * answered for a moment, and the first that answers is taken.
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
  // The runtime shows a certificate only where it looks up the name and tries the addresses itself.
  const addresses = tls?.own === undefined ? await addressesOf(host, ms) : [host];
  return await dialFirst(addresses, Math.max(0, deadline - performance.now()), {
    connect: (address, signal) => connectOne(host, address, port, tls, signal),
    late: () =>
      new ConnectionError(
        "timeout",
        `${hostPort(host, port)} did not accept a connection within ${(ms / 1000).toFixed(1)} s`,
      ),
    failed: (cause) =>
      new ConnectionError(
        "connect",
        `cannot connect to ${hostPort(host, port)} (${cause === null ? "no address" : messageOf(cause)})`,
        cause,
      ),
  });
}

/** How one address is tried, and which errors mean that none has answered. */
export interface Attempts<T> {
  /** The signal gives the attempt up. */
  connect: (address: string, signal: AbortSignal) => Promise<T>;
  /** None has answered in time. */
  late: () => Error;
  /** All have failed; `null`: there is none. */
  failed: (lastCause: unknown) => Error;
}

/**
 * Tries addresses, each one with a moment's start on the next.
 *
 * @param addresses which ones
 * @param ms bound of it all, in milliseconds
 * @param attempts how
 * @returns what the first that answers gives; the others are given up
 * @throws {ConnectionError} the last one's own, where that says more than "refused"
 */
export async function dialFirst<T extends { close(): void }>(
  addresses: readonly string[],
  ms: number,
  { connect, late, failed }: Attempts<T>,
): Promise<T> {
  const over = new AbortController();
  const won = Promise.withResolvers<T>();
  won.promise.catch(() => {});
  let failure: unknown = null;
  const deadline = setTimeout(() => won.reject(late()), ms);
  const tryOne = async (address: string): Promise<void> => {
    try {
      const made = await connect(address, over.signal);
      if (over.signal.aborted) made.close();
      else {
        over.abort();
        won.resolve(made);
      }
    } catch (error) {
      failure = error;
    }
  };
  const tries: Promise<void>[] = [];
  const ended = won.promise.then(() => {}, () => over.abort());
  for (const address of addresses.slice(0, MAX_ADDRESSES)) {
    if (over.signal.aborted) break;
    const one = tryOne(address);
    tries.push(one);
    await Promise.race([withDeadline(one, STAGGER_MS, () => new Error("next")).catch(() => {}), ended]);
  }
  void Promise.all(tries).then(() =>
    won.reject(failure instanceof ConnectionError ? failure : failed(failure))
  );
  try {
    return await won.promise;
  } finally {
    clearTimeout(deadline);
    over.abort();
  }
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
  tls: Tls,
  signal: AbortSignal,
): Promise<Deno.TcpConn | Deno.TlsConn> {
  if (tls?.own !== undefined) {
    const { caCerts, own } = tls;
    const secure = await Deno.connectTls({ hostname: host, port, caCerts, ...own }).catch((error) => {
      throw messageOf(error).includes("KeyMismatch") ? tlsFailure(host, port, error) : error;
    });
    return await shakeHands(host, port, secure, signal);
  }
  const plain = await Deno.connect({ hostname: address, port, signal });
  plain.setNoDelay(true);
  if (tls === null) return plain;
  let secure: Deno.TlsConn;
  try {
    secure = await Deno.startTls(plain, { hostname: host, caCerts: tls.caCerts });
  } catch (error) {
    close(plain);
    throw tlsFailure(host, port, error);
  }
  return await shakeHands(host, port, secure, signal);
}

/** A handshake that is given up is waited for no longer, however long the other end keeps silent. */
async function shakeHands(
  host: string,
  port: number,
  secure: Deno.TlsConn,
  signal: AbortSignal,
): Promise<Deno.TlsConn> {
  const giveUp = () => close(secure);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    if (signal.aborted) giveUp();
    await secure.handshake();
    return secure;
  } catch (error) {
    giveUp();
    throw tlsFailure(host, port, error);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function tlsFailure(host: string, port: number, error: unknown): ConnectionError {
  const why = messageOf(error);
  return new ConnectionError(
    "connect",
    `TLS with ${hostPort(host, port)} failed (${why})`,
    error,
    tlsRemedy(host, why),
  );
}

/** Closes what the runtime may have closed already. */
function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed, which is what was wanted.
  }
}

/** What to do about a handshake that failed, by what the runtime says of it. */
function tlsRemedy(host: string, why: string): string {
  if (/expired/i.test(why)) {
    return "renew the daemon's certificate (its --tls-cert), unless this machine's clock is wrong";
  }
  if (/not valid yet/i.test(why)) return "compare this machine's clock with the daemon's";
  if (/UnknownIssuer/i.test(why)) return "is --tls-ca the authority that signed the daemon's --tls-cert?";
  if (/KeyMismatch/.test(why)) return "--tls-key has to be the key of --tls-cert";
  if (/name/i.test(why)) return `the daemon's certificate has to name ${host}`;
  if (/eof|reset|closed|broken/i.test(why)) {
    return "it may refuse this address (its --allow), have no place left (--max-connections) or speak no TLS; its log says which";
  }
  return "does the daemon speak TLS (--tls-cert, --tls-key)?";
}
