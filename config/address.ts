/**
 * HOST, HOST:PORT, [IPv6]:PORT.
 *
 * @module
 */

import { MAX_HOST_LENGTH } from "./limits.ts";

/** A daemon's address. */
export interface Address {
  host: string;
  port: number;
}

/**
 * Checks a host name or address that is going to be resolved or sent in SETUP.
 *
 * @param host Name, IPv4, IPv6 (without brackets) or, for raw Ethernet, MAC address.
 * @returns What is wrong with it, or `null`.
 */
export function hostProblem(host: string): string | null {
  if (host === "") return "a host name or address is missing";
  if (host.length > MAX_HOST_LENGTH) {
    return `a host name of ${host.length} characters is too long (${MAX_HOST_LENGTH})`;
  }
  // deno-lint-ignore no-control-regex
  if (/[\s|"'<>\u0000-\u001f\u007f]/u.test(host)) {
    return `${JSON.stringify(host)} is not a host name or address`;
  }
  return null;
}

/**
 * Checks a port number.
 *
 * @param text What was typed.
 * @param least 1, or 0 where 0 stands for "the test's own".
 * @returns The number, or a sentence on what is wrong.
 */
export function parsePort(text: string, least: 0 | 1 = 1): number | string {
  if (!/^\d{1,5}$/.test(text.trim()) || Number(text) > 65535 || Number(text) < least) {
    return `${JSON.stringify(text)} is not a port; expected a number from ${least} to 65535`;
  }
  return Number(text);
}

/**
 * Takes HOST, HOST:PORT, IPv6 or [IPv6]:PORT apart.
 *
 * @param text What was typed.
 * @param defaultPort Port when none is given.
 * @returns The address, or a sentence on what is wrong.
 */
export function parseAddress(text: string, defaultPort: number): Address | string {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const parted = /^([^:]*):([^:]*)$/.exec(text);
  const host = bracketed?.[1] ?? parted?.[1] ?? text;
  const portText = bracketed !== null ? bracketed[2] : parted?.[2];
  const wrong = hostProblem(host);
  if (wrong !== null) return wrong;
  if (portText === undefined) return { host, port: defaultPort };
  const port = parsePort(portText);
  return typeof port === "string" ? `in ${JSON.stringify(text)}, ${port}` : { host, port };
}

/**
 * Writes an address so that {@linkcode parseAddress} reads it.
 *
 * @param address The address.
 * @returns `host:port`, with brackets around IPv6.
 */
export function formatAddress(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
