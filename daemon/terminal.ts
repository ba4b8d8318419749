/**
 * Enter at the daemon's terminal lets the test `wait` go on, as the original had it.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import type { TestSlot } from "./slot.ts";

let reading = false;

/**
 * Reads lines from the terminal, if there is one and the daemon is in its foreground, and gives each to a waiting test.
 *
 * @param slot Whose test waits.
 * @param log Told what to press.
 */
export function continueOnEnter(slot: TestSlot, log: Logger): void {
  if (!Deno.stdin.isTerminal() || !isForeground()) return;
  log.info("press Enter to let the test go on");
  if (reading) return;
  reading = true;
  (async () => {
    const buffer = new Uint8Array(256);
    while (await Deno.stdin.read(buffer) !== null) {
      if (slot.waiting) await slot.continue();
    }
  })().catch(() => {}).finally(() => reading = false);
}

/** A background process that reads from its terminal is stopped: then it must not try. */
function isForeground(): boolean {
  try {
    const stat = Deno.readTextFileSync("/proc/self/stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [, , group, , , foreground] = fields;
    return group === foreground;
  } catch {
    return false;
  }
}

/**
 * Waits until standard input ends; what comes on it is passed over.
 *
 * @param ended Called once.
 */
export function watchInput(ended: () => void): void {
  (async () => {
    const buffer = new Uint8Array(256);
    while (await Deno.stdin.read(buffer) !== null);
  })().catch(() => {}).finally(ended);
}
