/**
 * Files of keys that are for all daemons, or for one: `FILE`, `HOST=FILE`, `lab[1-8]=FILE`.
 *
 * @module
 */

import { type Address, formatAddress } from "../address.ts";
import { expandRange } from "./host_ranges.ts";

/** The values of an option that may be given many times. */
export interface HostFiles {
  /** The file for all that have none of their own. */
  all: string | undefined;
  /** By HOST or HOST:PORT as typed; "" stands for none. */
  hosts: Map<string, string>;
}

/** Which files a daemon has of its own; what is missing is as for all. `null`: none. */
export interface OwnKeys {
  /** The secret that it asks for. */
  secretFile?: string | null;
  /** Whoever has signed its certificate; `null`: it uses plain TCP. */
  tlsCa?: string | null;
}

/** The command line's part in all keys. */
export type KeyFiles = Record<keyof OwnKeys, HostFiles>;

/**
 * Reads the values of such an option.
 *
 * @param texts As typed; the last file for all counts.
 */
export function parseHostFiles(texts: readonly string[]): HostFiles {
  const files: HostFiles = { all: undefined, hosts: new Map() };
  for (const text of texts) {
    // A path whose first folder has an equals sign can be written ./a=b.
    const match = /^([^/=]+)=(.*)$/s.exec(text);
    if (match === null) files.all = text;
    else {
      const hosts = expandRange(match[1]!);
      // What is no range is no daemon's name, and is complained of as such.
      for (const host of typeof hosts === "string" ? [match[1]!] : hosts) files.hosts.set(host, match[2]!);
    }
  }
  return files;
}

/**
 * Finds what the command line gives one daemon alone.
 *
 * @param files What was typed.
 * @param address The daemon.
 */
export function typedKeys(files: KeyFiles, address: Address): OwnKeys {
  const find = ({ hosts }: HostFiles) => hosts.get(formatAddress(address)) ?? hosts.get(address.host);
  const [secretFile, tlsCa] = [find(files.secretFile), find(files.tlsCa)];
  return {
    ...secretFile !== undefined && { secretFile: secretFile || null },
    ...tlsCa !== undefined && { tlsCa: tlsCa || null },
  };
}

/**
 * Finds hosts that were named and are none of the daemons.
 *
 * @param files What was typed.
 * @param daemons The daemons.
 * @returns Those hosts.
 */
export function strayHosts({ hosts }: HostFiles, daemons: readonly Address[]): string[] {
  const known = new Set(daemons.flatMap((address) => [address.host, formatAddress(address)]));
  return Array.from(hosts.keys()).filter((host) => !known.has(host));
}
