/**
 * Address ranges such as `10.0.0.0/8` or `fd00::/8`, for `--allow`.
 *
 * @module
 */

import { BlockList, isIP, SocketAddress } from "node:net";

/** One range. */
export interface Cidr {
  readonly family: "ipv4" | "ipv6";
  /** An address in it, as it was written. */
  readonly address: string;
  readonly prefix: number;
  /** Nothing but this range. */
  readonly list: BlockList;
}

/** Bits of an address. */
export const ADDRESS_BITS = { ipv4: 32, ipv6: 128 } as const;

/**
 * Reads a range.
 *
 * @param text `ADDRESS/PREFIX`, or an address alone for that one.
 * @returns The range.
 * @throws {TypeError} when the text is neither.
 */
export function parseCidr(text: string): Cidr {
  const [host = "", prefixText, more] = text.trim().split("/");
  const parsed = parseAddress(host);
  if (parsed === null || more !== undefined) {
    throw new TypeError(`"${text}" is not an address range: expected one such as 10.0.0.0/8 or fd00::/8`);
  }
  const { family, address } = parsed;
  const bits = ADDRESS_BITS[family];
  const prefix = prefixText === undefined ? bits : /^[0-9]{1,3}$/.test(prefixText) ? Number(prefixText) : -1;
  if (prefix < 0 || prefix > bits) {
    throw new TypeError(`"${text}": the prefix is 0..${bits}, got "${prefixText}"`);
  }
  const list = new BlockList();
  list.addSubnet(address, prefix, family);
  return { family, address, prefix, list };
}

/**
 * Whether an address lies in one of the ranges. An IPv4 address in IPv6 form counts as IPv4.
 *
 * @param ranges Any of them is enough.
 * @param address As the socket gives it.
 */
export function isInRanges(ranges: readonly Cidr[], address: string): boolean {
  const parsed = parseAddress(address);
  return parsed !== null &&
    ranges.some(({ family, list }) => family === parsed.family && list.check(parsed.address, family));
}

/**
 * Whether an address is this machine's own loopback.
 *
 * @param address As the socket gives it.
 */
export function isLoopback(address: string): boolean {
  return isInRanges(LOOPBACK, address);
}

/** Groups of 16 bits of an IPv6 address, and those of them that are a peer's own network. */
const GROUPS = 8;
const NETWORK_GROUPS = 4;

/**
 * What stands for the machine behind an address: the address itself for IPv4; for IPv6 its /64 network, in which one machine
 * may have as many addresses as it likes.
 *
 * @param address As the socket gives it.
 */
export function sourceOf(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === null) return address;
  if (parsed.family === "ipv4") return parsed.address;
  const [head = [], tail = []] = parsed.address.split("::").map((half) => half.split(":").filter(Boolean));
  const zeros = new Array<string>(GROUPS - head.length - tail.length).fill("0");
  const network = [...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS);
  return `${network.join(":")}::/${16 * NETWORK_GROUPS}`;
}

const LOOPBACK = ["127.0.0.0/8", "::1/128"].map(parseCidr);

/**
 * @param text An address, also in brackets or with a zone; IPv4 in IPv6 form becomes IPv4.
 * @returns It in its shortest spelling, or `null` when it is none.
 */
export function parseAddress(text: string): SocketAddress | null {
  const bare = text.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const version = isIP(bare);
  if (version === 0) return null;
  const parsed = new SocketAddress({ address: bare, family: `ipv${version as 4 | 6}` });
  const mapped = /^::ffff:([0-9.]+)$/.exec(parsed.address)?.[1] ?? "";
  return isIP(mapped) === 4 ? new SocketAddress({ address: mapped, family: "ipv4" }) : parsed;
}
