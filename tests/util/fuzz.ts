/**
 * Rubbish for a daemon: random and mutated lines, mutated dialogues, from a seed.
 *
 * @module
 */
import { targetSetup, testerSetup } from "./handshake.ts";

/** A generator of 32-bit numbers that gives the same ones for the same seed (mulberry32). */
export class Dice {
  #state: number;

  /** @param seed Any whole number. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to one less than that. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = this.#state;
    value = Math.imul(value ^ (value >>> 15), value | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) % limit;
  }

  /** True once in so many times. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of these. */
  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}

const LINES = [
  ...[
    "HELP",
    "STATUS",
    "CLOCK",
    "WATCH",
    "CONTINUE",
    "ENV",
    "LOAD dummy",
    "START",
    "STOP",
    "FOO",
    "",
    "HELP EXTENSIONS",
  ],
  ...[
    "START at::5",
    "STOP at::99999999999999999",
    "LOAD nosuch",
    "LOAD ../../etc/passwd",
    "ENV iface::lo||target::x",
  ],
  ...[
    testerSetup("seconds=0.01"),
    'SETUP args::""',
    "SETUP target::::1||port::7||args::x||form::1||run::ff||flow::1",
  ],
  `AUTH ${"0".repeat(32)} ${"f".repeat(64)}`,
];

const PIECES = [
  "||",
  "::",
  '"',
  "\0",
  "\r",
  "\t",
  "args::",
  "target::",
  "port::65536",
  "at::-1",
  "é",
  "\u202e",
  "%n%s",
  "(",
  ")",
];

const encoder = new TextEncoder();

/**
 * One line, with its line end most of the time. HELLO, QUIT and ABORT are not among them: they are a dialogue's matter.
 *
 * @param dice Chooses.
 */
export function fuzzLine(dice: Dice): Uint8Array {
  if (dice.once(4)) return randomBytes(dice, dice.once(50) ? 9000 : 60);
  let text = dice.of(LINES);
  for (let changes = dice.below(4); changes > 0; changes--) text = mutateText(dice, text);
  const bytes = encoder.encode(text + (dice.once(10) ? "\r\n" : "\n"));
  if (dice.once(3)) bytes[dice.below(bytes.length)] = dice.below(256);
  return bytes;
}

/**
 * One dialogue: a handshake in which lines are left out, doubled, exchanged, spoilt and cut off, at every place.
 *
 * @param dice Chooses.
 * @param kind `deep`: it begins with HELLO, unless that is what is spoilt, and so can come to every state; it may say
 * ENV, too. Both take a process in a real daemon. `role`: whose handshake it is.
 */
export function fuzzDialogue(dice: Dice, kind: { deep: boolean; role: "tester" | "target" }): Uint8Array {
  const { deep, role } = kind;
  const others = deep ? [...LINES, "HELLO"] : LINES.filter((line) => !line.startsWith("ENV"));
  const lines = role === "tester"
    ? [
      "LOAD dummy",
      testerSetup("seconds=0.01"),
      "START",
      dice.of(["STOP", "QUIT", "ABORT", "STATUS", "CLOCK"]),
    ]
    : ["LOAD dummy_target", targetSetup(), "START", dice.of(["STOP", "STOP", "QUIT", "ABORT", "STATUS"])];
  lines.unshift(deep ? "HELLO" : dice.of(["HELL", "HELLO x", "hello", "STATUS"]));
  for (let changes = dice.below(deep ? 3 : 4); changes > 0; changes--) {
    const at = dice.below(lines.length);
    const change = dice.below(4);
    if (change === 0) lines.splice(at, 1);
    else if (change === 1) lines.splice(at, 0, dice.of(others));
    else if (change === 2) lines.push(lines[at] ?? "");
    else lines[at] = mutateText(dice, lines[at] ?? "");
    if (lines.length === 0) lines.push("");
  }
  const bytes = encoder.encode(lines.join("\n") + "\n");
  if (dice.once(3)) bytes[dice.below(bytes.length)] = dice.below(256);
  return dice.once(deep ? 6 : 3) ? bytes.subarray(0, dice.below(bytes.length)) : bytes;
}

function mutateText(dice: Dice, text: string): string {
  const at = dice.below(text.length + 1);
  switch (dice.below(4)) {
    case 0:
      return text.slice(0, at) + dice.of(PIECES) + text.slice(at);
    case 1:
      return text.slice(0, at);
    case 2:
      return text.slice(at) + text.slice(0, at);
    default:
      return text + text.slice(at);
  }
}

function randomBytes(dice: Dice, max: number): Uint8Array {
  const bytes = new Uint8Array(1 + dice.below(max));
  for (let at = 0; at < bytes.length; at++) bytes[at] = dice.below(256);
  bytes[bytes.length - 1] = 10;
  return bytes;
}
