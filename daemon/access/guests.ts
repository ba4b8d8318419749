/**
 * Which targets a controller may test that has shown no secret: only machines nearby, so that nobody can use this one to
 * attack others.
 *
 * @module
 */
import type { PluginInfo } from "../../ffi/mod.ts";
import { ADDRESS_BITS, type Cidr, isInRanges, parseAddress, parseCidr } from "../../base/network/cidr.ts";
import type { SlotHost } from "../spare.ts";

/** Arguments that disturb others on this machine, or name its files. */
const CLOSE_TO_HOME = ["rt", "mlock", "key_file"];

/** What `--allow-target` names. */
export type AllowedTarget =
  | { readonly kind: "range"; readonly range: Cidr }
  /** As six pairs of lower-case hexadecimal digits, colons between. */
  | { readonly kind: "mac"; readonly mac: string };

/** One of this machine's own addresses, as the system reports it. */
export type OwnAddress = Pick<Deno.NetworkInterfaceInfo, "family" | "cidr">;

/** What a test is given instead of the target that was named. */
export interface AdmittedTarget {
  readonly target: string;
  /** All addresses of the target's name, checked; empty for a MAC address. */
  readonly addresses: string[];
}

/** Private, link-local and loopback ranges, and those that are set apart for benchmarks (RFC 2544, RFC 5180). */
const NEAR = [
  ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "198.18.0.0/15"],
  ...["fc00::/7", "fe80::/10", "::1/128", "2001:2::/48"],
  // The unspecified addresses: Linux connects to its own loopback instead.
  ...["0.0.0.0/32", "::/128"],
].map(parseCidr);

const MULTICAST = ["224.0.0.0/4", "ff00::/8"].map(parseCidr);
const EVERYBODY = parseCidr("255.255.255.255/32");

/** As a plugin reads it (ipb_parse_mac). */
const MAC = /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i;
/** What the original's controller sends where no machine under test was named. */
const NO_TARGET = "None";
/** The bit of an Ethernet address's first byte that marks a group. */
const GROUP_BIT = 1;

/**
 * Reads one `--allow-target`.
 *
 * @param text A range, an address, or a MAC address.
 * @throws {TypeError} when it is none.
 */
export function parseAllowedTarget(text: string): AllowedTarget {
  if (MAC.test(text)) return { kind: "mac", mac: normalMac(text) };
  return { kind: "range", range: parseCidr(text) };
}

/** See the module. */
export class GuestPolicy {
  readonly #ranges: readonly Cidr[];
  readonly #macs: ReadonlySet<string>;
  readonly #ownAddresses: () => readonly OwnAddress[];
  readonly #anybody: boolean;

  /**
   * @param allowed What the operator allows beyond what is near.
   * @param anybody Whether they may come from anywhere; else the operator has named from where (`--allow`).
   * @param ownAddresses This machine's addresses now.
   */
  constructor(
    allowed: readonly AllowedTarget[],
    anybody: boolean,
    ownAddresses: () => readonly OwnAddress[] = () => Deno.networkInterfaces(),
  ) {
    this.#ranges = allowed.flatMap((each) => each.kind === "range" ? [each.range] : []);
    this.#macs = new Set(allowed.flatMap((each) => each.kind === "mac" ? [each.mac] : []));
    this.#anybody = anybody;
    this.#ownAddresses = ownAddresses;
  }

  /**
   * Looks a target up where the test would, and checks every address; nothing is sent to any. The test gets what was
   * checked, not the name, which could mean something else a moment later.
   *
   * @param target As SETUP names it.
   * @param controller Address of who asks.
   * @param host Looks names up.
   * @param plugin The test's description of itself.
   * @throws {Error} when an address is not allowed, or the name has none.
   */
  async admit(
    target: string,
    controller: string,
    host: Pick<SlotHost, "resolve">,
    plugin: PluginInfo | null,
  ): Promise<AdmittedTarget> {
    if (MAC.test(target)) {
      this.#checkMac(target);
      return { target, addresses: [] };
    }
    // A test that declares that it can do without a machine under test looks up no such name.
    if (target === NO_TARGET && plugin?.needsTarget === false) return { target, addresses: [] };
    const addresses = await host.resolve(target);
    const own = this.#ownAddresses();
    for (const address of addresses) this.#check(target, address, controller, own);
    // Plugins as old as the original know nothing but IPv4; others try all addresses in turn.
    const old = (plugin?.interface ?? null) === null;
    const first = (old ? addresses.find((address) => !address.includes(":")) : undefined) ?? addresses[0];
    if (first === undefined) throw new Error(`target ${target} has no address`);
    return { target: first, addresses };
  }

  /**
   * Checks that a test asks for nothing that disturbs others on this machine, and for none of its files.
   *
   * @param args The test's arguments.
   * @param plugin The test's description of itself.
   * @throws {Error} when it does.
   */
  checkArguments(args: string, plugin: PluginInfo | null): void {
    if (!this.#anybody) return;
    for (const [name, value] of [...readArguments(args, false), ...readArguments(args, true)]) {
      if (!CLOSE_TO_HOME.includes(name)) continue;
      const known = plugin?.options?.some((option) => option.name === name) === true;
      if (!known || /^[0.]*$/.test(value ?? "1")) continue;
      throw new Error(
        `argument ${name}: this daemon gives that only to those it knows: ${REMEDY} or with --allow`,
      );
    }
  }

  #check(target: string, address: string, controller: string, own: readonly OwnAddress[]): void {
    const what = address === target.replace(/^\[|\]$/g, "") ? address : `${target}, which is ${address},`;
    const group = isInRanges(MULTICAST, address);
    if (group || isInRanges([EVERYBODY], address) || own.some((each) => isBroadcast(each, address))) {
      const named = this.#ranges.filter((range) =>
        isOfGroups(range) || range.prefix === ADDRESS_BITS[range.family]
      );
      if (isInRanges(named, address)) return;
      throw new Error(
        `target ${what} is ${
          group ? "a multicast" : "a broadcast"
        } address, which this daemon sends to only ` +
          "when it is named: start ipbenchd with --allow-target " + address.replace(/%.*$/, ""),
      );
    }
    if (isInRanges(NEAR, address) || isInRanges(this.#ranges, address)) return;
    if (isInRanges([parseCidr(controller)], address)) return;
    if (own.some((each) => isOnLink(each, address))) return;
    throw new Error(
      `target ${what} is neither in a private network, nor on a link of this daemon's machine, nor the ` +
        `controller's own address: ${REMEDY}, or with --allow-target ${address.replace(/%.*$/, "")}`,
    );
  }

  #checkMac(target: string): void {
    const mac = normalMac(target);
    const group = (Number.parseInt(mac.slice(0, 2), 16) & GROUP_BIT) !== 0;
    if (!group || this.#macs.has(mac)) return;
    throw new Error(
      `target ${target} is the address of a group, which this daemon sends to only when it is named: start ` +
        `ipbenchd with --allow-target ${mac}`,
    );
  }
}

const REMEDY = "start ipbenchd with --secret-file";

function normalMac(text: string): string {
  return text.toLowerCase().replaceAll("-", ":");
}

function isOfGroups(range: Cidr): boolean {
  return isInRanges(MULTICAST.filter(({ prefix }) => range.prefix >= prefix), range.address);
}

/** The network of an own address; `null` when the system reports none, or one that is everything. */
function networkOf(own: OwnAddress): Cidr | null {
  if (own.cidr === null) return null;
  const network = parseCidr(own.cidr);
  return network.prefix === 0 ? null : network;
}

function isOnLink(own: OwnAddress, address: string): boolean {
  const network = networkOf(own);
  return network !== null && isInRanges([network], address);
}

/** The broadcast address of an IPv4 network, and its first address, which meant the same in 4.2BSD. /31 and /32 have none. */
function isBroadcast(own: OwnAddress, address: string): boolean {
  const network = own.family === "IPv4" ? networkOf(own) : null;
  if (network === null || network.prefix > 30 || !isInRanges([network], address)) return false;
  const size = 2 ** (ADDRESS_BITS.ipv4 - network.prefix);
  const bytes = (parseAddress(address)?.address ?? "").split(".");
  const place = bytes.reduce((number, byte) => number * 256 + Number(byte), 0) % size;
  return place === 0 || place === size - 1;
}

/**
 * Names and values of a test's arguments as `ipb_args` reads them: double quotes may be anywhere, and what is inside of them
 * separates nothing.
 *
 * @param blanks Whether they separate as commas do: so they do in the original's spelling.
 */
function* readArguments(text: string, blanks: boolean): Generator<[name: string, value: string | null]> {
  const separators = blanks ? ", \t" : ",";
  for (let at = 0; at < text.length; at++) {
    let name = "", value: string | null = null, quoted = false;
    while (", \t".includes(text[at] ?? "-")) at++;
    for (; at < text.length && (quoted || !separators.includes(text.charAt(at))); at++) {
      const letter = text.charAt(at);
      if (letter === '"') quoted = !quoted;
      else if (value !== null) value += letter;
      else if (letter === "=") value = "";
      else name += letter;
    }
    yield value === null ? [name.trimEnd(), null] : [name, value.trimEnd()];
  }
}
