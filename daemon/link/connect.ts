/**
 * Connecting to a name that may have several addresses.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { withDeadline } from "../../base/deadline.ts";
import { messageOf } from "../../base/errors.ts";

/** Addresses of a name that are tried: what a name of a cluster has may be thousands. */
const MAX_ADDRESSES = 8;

/**
 * Finds the addresses of a name.
 *
 * @param host name or address
 * @param ms how long that may take, in milliseconds
 * @throws {Error} when there is none, or not in time
 */
export async function addressesOf(host: string, ms: number): Promise<string[]> {
  if (host.includes(":") || /^[\d.]+$/.test(host)) return [host];
  const late = () => new Error(`the name ${host} was not resolved within ${ms / 1000} s`);
  const found = await withDeadline(lookup(host, { all: true }), ms, late);
  return found.map(({ address }) => address);
}

/**
 * Tries addresses one after another, and gives what the first one that answers gives.
 *
 * @param addresses which ones
 * @param ms how long all of them may take together, in milliseconds; each has its part of what is left, so that one that
 *   swallows packets does not keep the others from being tried
 * @param connect makes a connection, and gives it up at the signal
 * @throws {Error} when none answers; where they are several, it names each
 */
export async function connectFirst<T>(
  addresses: readonly string[],
  ms: number,
  connect: (address: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const until = performance.now() + ms;
  const tried = addresses.slice(0, MAX_ADDRESSES);
  const failures: string[] = [];
  for (const [n, address] of tried.entries()) {
    const partMs = Math.max(0, until - performance.now()) / (tried.length - n);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), partMs);
    try {
      return await connect(address, late.signal);
    } catch (error) {
      const why = late.signal.aborted
        ? `no connection within ${(partMs / 1000).toFixed(0)} s`
        : messageOf(error);
      failures.push(tried.length === 1 ? why : `${address}: ${why}`);
    } finally {
      clearTimeout(timer);
    }
  }
  throw new Error(failures.join("; "));
}
