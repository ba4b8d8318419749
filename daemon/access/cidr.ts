/**
 * Address ranges such as `10.0.0.0/8` or `fd00::/8`, for `--allow`.
 *
 * @module
 */

/** One range. */
export interface Cidr {
  readonly bits: 32 | 128;
  readonly network: bigint;
  readonly prefix: number;
}

interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/**
 * Reads a range.
 *
 * @param text `ADDRESS/PREFIX`, or an address alone for that one.
 * @returns The range.
 * @throws {TypeError} when the text is neither.
 */
export function parseCidr(text: string): Cidr {
  const [host = "", prefixText, more] = text.trim().split("/");
  const address = parseAddress(host);
  if (address === null || more !== undefined) {
    throw new TypeError(`"${text}" is not an address range: expected one such as 10.0.0.0/8 or fd00::/8`);
  }
  const prefix = prefixText === undefined
    ? address.bits
    : /^[0-9]{1,3}$/.test(prefixText)
    ? Number(prefixText)
    : -1;
  if (prefix < 0 || prefix > address.bits) {
    throw new TypeError(`"${text}": the prefix is 0..${address.bits}, got "${prefixText}"`);
  }
  const shift = BigInt(address.bits - prefix);
  return { bits: address.bits, network: address.value >> shift << shift, prefix };
}

/**
 * Whether an address lies in one of the ranges. An IPv4 address in IPv6 form counts as IPv4.
 *
 * @param ranges Any of them is enough.
 * @param address As the socket tells it.
 */
export function isInRanges(ranges: readonly Cidr[], address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed === null) return false;
  return ranges.some((range) => {
    if (range.bits !== parsed.bits) return false;
    const shift = BigInt(range.bits - range.prefix);
    return parsed.value >> shift === range.network >> shift;
  });
}

/**
 * Whether an address is this machine's own loopback.
 *
 * @param address As the socket tells it.
 */
export function isLoopback(address: string): boolean {
  return isInRanges(LOOPBACK, address);
}

/** Bits of an IPv6 address that are a peer's own network. */
const NETWORK_BITS = 64n;

/**
 * Who is behind an address, as far as addresses tell: itself for IPv4, its network of 64 bits for IPv6, of which one
 * machine has as many addresses as it likes.
 *
 * @param address As the socket tells it.
 */
export function sourceOf(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === null) return address;
  if (parsed.bits === 32) {
    return [24n, 16n, 8n, 0n].map((shift) => parsed.value >> shift & 255n).join(".");
  }
  const network = parsed.value >> 128n - NETWORK_BITS;
  const groups = [48n, 32n, 16n, 0n].map((shift) => (network >> shift & 0xffffn).toString(16));
  return `${groups.join(":")}::/${NETWORK_BITS}`;
}

const LOOPBACK = ["127.0.0.0/8", "::1/128"].map(parseCidr);

function parseAddress(text: string): Address | null {
  const bare = text.toLowerCase().replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  if (!bare.includes(":")) {
    const value = parseIPv4(bare);
    return value === null ? null : { bits: 32, value };
  }
  const value = parseIPv6(bare);
  if (value === null) return null;
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value };
}

function parseIPv4(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let value = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    value = value << 8n | BigInt(part);
  }
  return value;
}

function parseIPv6(text: string): bigint | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] as string);
  const tail = parseGroups(halves[1] ?? "");
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => value << 16n | BigInt(group), 0n);
}

function parseGroups(text: string): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".") && index === parts.length - 1) {
      const value = parseIPv4(part);
      if (value === null) return null;
      groups.push(Number(value >> 16n), Number(value & 0xffffn));
    } else if (/^[0-9a-f]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else return null;
  }
  return groups;
}
