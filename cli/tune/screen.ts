/**
 * What `check --tune` reports of a machine, on one screen of 80 columns.
 *
 * @module
 */

import type { TuningFacts } from "../../ffi/mod.ts";
import { formatRate } from "../../base/figures.ts";
import { fit, plainText, wrapWords } from "../terminal/text.ts";
import type { Advice, Change } from "./findings.ts";

const COLUMNS = 80;
/** Column of what profits. */
const GAINS = 11;
/** Where a command begins that has a line of its own. */
const INDENT = " ".repeat(GAINS + 2);

/**
 * Sets the screen.
 *
 * @param facts What is known of the machine.
 * @param advice What is to be reported of it.
 * @returns Lines without colours.
 */
export function tuneScreen(facts: TuningFacts, advice: Advice): string[] {
  const { changes, fine, unknown, notes } = advice;
  const lines = [...wrap(heading(facts)), ...wrap(cardLine(facts))];
  if (changes.length > 0) lines.push(`${"helps".padEnd(GAINS)}what, and how it is now: change it with`);
  for (const [gains, group] of Map.groupBy(changes, (change) => change.gains)) {
    group.forEach((change, i) => lines.push(...changeLines(i === 0 ? gains : "", change)));
  }
  if (fine.length > 0) lines.push(...wrap(`Fine: ${fine.join("; ")}.`));
  if (unknown.length > 0) lines.push(...wrap(`Not known: ${unknown.join("; ")}.`));
  lines.push(...notes.flatMap(wrap));
  return lines;
}

function heading({ host, online, model, virtualisation, kernel, tester }: TuningFacts): string {
  const cpus = `${online.length} processor${online.length === 1 ? "" : "s"}${
    model === null ? "" : `, ${model}`
  }`;
  const who = tester === null
    ? ""
    : tester.pid === null
    ? "; no daemon runs: limits are this shell's"
    : `; ipbenchd is process ${tester.pid}`;
  return `${host}: ${cpus}${virtualisation === null ? "" : `, ${virtualisation}`}, Linux ${kernel}${who}`;
}

function cardLine({ nic }: TuningFacts): string {
  if (nic === null) return "No interface was found: name one with --iface.";
  const { driver, mtu, speed_mbps: speed } = nic.device;
  const parts = [
    typeof driver === "string" && driver !== "" ? driver : null,
    typeof speed === "number" && speed > 0 ? formatRate(speed * 1e6, 3) : null,
    typeof mtu === "number" ? `MTU ${mtu}` : null,
    nic.node === null ? null : `NUMA node ${nic.node}`,
  ].filter((part) => part !== null);
  return `${nic.name}: ${parts.length === 0 ? "its driver reports nothing" : parts.join(", ")}`;
}

function changeLines(gains: string, { what, now, command }: Change): string[] {
  const begin = `${gains.padEnd(GAINS)}${what} ${plainText(now)}: `;
  const line = begin + plainText(command ?? "see docs/fast.md");
  return line.length <= COLUMNS
    ? [line]
    : [fit(begin.trimEnd(), COLUMNS), ...commandLines(plainText(command!))];
}

/** A command on lines of its own, broken so that a shell reads it as one. */
function commandLines(command: string): string[] {
  const lines = wrapWords(command, COLUMNS - INDENT.length - 2).split("\n");
  return lines.map((line, i) => `${INDENT}${line.trim()}${i < lines.length - 1 ? " \\" : ""}`);
}

function wrap(text: string): string[] {
  return wrapWords(plainText(text), COLUMNS).split("\n");
}
