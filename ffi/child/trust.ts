/**
 * Whose files this process may open as plugins. One that has more rights than a plain user's, because it is root's, a
 * service's with capabilities, or a copy with file capabilities, opens only what nobody else could have put there.
 *
 * @module
 */

import { isRaised, selfPath } from "../self/self.ts";

/** Who may own what is opened, beside root; `null`: anything may be opened. */
export interface Trust {
  readonly owner: number;
}

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * @returns what this process has to look at, `null` when it has no more rights than its user
 */
export function ownTrust(): Trust | null {
  const user = Deno.uid() ?? 0;
  // Who has put the program there may name plugins for it; who only starts it may not.
  if (isRaised()) return { owner: ownerOf(selfPath()) };
  return user === 0 || hasCapabilities() ? { owner: user } : null;
}

/**
 * Checks whether nobody else could have put a file, or a folder's content, there.
 *
 * @param path Where, links and all.
 * @param trust Whom to trust beside root.
 * @returns why not, such as `/tmp/x belongs to user 1000`; `null` when all is well
 */
export function distrust(path: string, trust: Trust): string | null {
  const parts = Deno.realPathSync(path).split("/");
  for (let length = 1; length <= parts.length; length++) {
    const place = parts.slice(0, length).join("/") || "/";
    const { uid, mode } = Deno.lstatSync(place);
    if (uid !== 0 && uid !== trust.owner) return `${place} belongs to user ${uid}`;
    const shared = length < parts.length && ((mode ?? 0) & STICKY) !== 0; // such as /tmp: of others' files one keeps away
    if (((mode ?? 0) & WRITABLE_BY_OTHERS) !== 0 && !shared) return `${place} can be written by others`;
  }
  return null;
}

function ownerOf(path: string | null): number {
  return path === null ? 0 : Deno.statSync(path).uid ?? 0;
}

function hasCapabilities(): boolean {
  const set = /^CapEff:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1] ?? "0";
  return BigInt(`0x${set}`) !== 0n;
}
