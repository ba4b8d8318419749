/**
 * What each of the testers that dial in is to do, by its number: `map="0-99: bps=10M; target=10.0.0.1|10.0.0.2"`.
 *
 * @module
 */

import { setTestArg, splitArgs } from "../../base/args.ts";
import { hostProblem, parsePort } from "../address.ts";
import { expandRange } from "../hosts/host_ranges.ts";
import { MAX_MAP_RULES } from "../limits.ts";

/** Some of the testers, by their numbers: from one to another, and every how many. */
interface Span {
  from: number;
  /** Inclusive. */
  to: number;
  step: number;
}

/** What testers with some numbers are given. */
interface Rule {
  /** `null`: all. */
  spans: Span[] | null;
  /** Names, and the values that are dealt out round robin. */
  settings: { name: string; values: string[] }[];
}

/** What a tester does; what a map may change. */
export interface Assignment {
  target: string | null;
  port: number | null;
  args: string;
}

/** See the module. */
export class IndexMap {
  readonly #rules: readonly Rule[];

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /**
   * Reads a map.
   *
   * @param text Rules with `;` between them: `NUMBERS: NAME=VALUE|VALUE,NAME=VALUE`. NUMBERS are `7`, `0-99`, `100-`,
   * `0-99/2` (every second), with commas between them, or a share such as `20%`; without them a rule is for all.
   * @param count How many testers there are.
   * @returns The map, or a sentence on what is wrong.
   */
  static parse(text: string, count: number): IndexMap | string {
    const rules: Rule[] = [];
    let shared = 0;
    for (const part of splitOutsideQuotes(text, ";")) {
      if (part.trim() === "") continue;
      const [, numbers, settings = ""] = /^(?:([\d\s,%./-]*):)?(.*)$/s.exec(part.trim()) ?? [];
      let spans: Span[] | null = null;
      const share = /^\s*(\d+(?:\.\d+)?)%\s*$/.exec(numbers ?? "")?.[1];
      if (share !== undefined) {
        const from = Math.round(shared * count / 100);
        shared += Number(share);
        if (shared > 100.0001) return `the shares add up to ${shared}%, more than 100%`;
        spans = [{ from, to: Math.round(shared * count / 100) - 1, step: 1 }];
      } else if (numbers !== undefined) {
        const read = readSpans(numbers, count);
        if (typeof read === "string") return read;
        spans = read;
      }
      const read = readSettings(settings);
      if (typeof read === "string") return read;
      rules.push({ spans, settings: read });
    }
    if (rules.length > MAX_MAP_RULES) return `${rules.length} rules; there may be ${MAX_MAP_RULES}`;
    return new IndexMap(rules);
  }

  /**
   * Finds what one tester does. Later rules come over earlier ones.
   *
   * @param index Its number, from 0.
   * @param base What all do.
   */
  at(index: number, base: Assignment): Assignment {
    const found = { ...base };
    for (const { spans, settings } of this.#rules) {
      const turn = spans === null ? index : turnOf(index, spans);
      if (turn === null) continue;
      for (const { name, values } of settings) {
        const value = values[turn % values.length] ?? "";
        if (name === "target") found.target = value;
        else if (name === "port") found.port = Number(value);
        else found.args = setTestArg(found.args, name, value);
      }
    }
    return found;
  }
}

/** Which one of those that a rule is for this is, from 0; `null`: none of them. */
function turnOf(index: number, spans: readonly Span[]): number | null {
  let before = 0;
  for (const { from, to, step } of spans) {
    if (index >= from && index <= to && (index - from) % step === 0) return before + (index - from) / step;
    before += Math.max(0, Math.floor((to - from) / step) + 1);
  }
  return null;
}

function readSpans(text: string, count: number): Span[] | string {
  const spans: Span[] = [];
  for (const item of text.split(",")) {
    const found = /^(\d{1,9})(?:(-)(\d{1,9})?(?:\/(\d{1,9}))?)?$/.exec(item.trim());
    if (found === null) {
      return `${
        JSON.stringify(item.trim())
      } is no number of testers; expected such as 7, 0-99, 100-, 0-99/2, ` +
        "or a share alone, such as 20%";
    }
    const [, first, dash, last, every] = found;
    const from = Number(first);
    const to = dash === undefined ? from : last === undefined ? count - 1 : Number(last);
    if (to < from && last !== undefined) return `${item.trim()} goes backwards`;
    if (from >= count || to >= count) {
      return `${item.trim()} is beyond the last of ${count} testers, which has the number ${count - 1}`;
    }
    const step = Number(every ?? 1);
    if (step === 0) return `${item.trim()} takes every 0th`;
    spans.push({ from, to, step });
  }
  return spans;
}

function readSettings(text: string): Rule["settings"] | string {
  const settings: Rule["settings"] = [];
  for (const { name, value } of splitArgs(text)) {
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) || value === null) {
      return `${
        JSON.stringify(name)
      } is no setting; expected NAME=VALUE, such as bps=10M, target=10.0.0.9 or port=7`;
    }
    const values: string[] = [];
    for (const each of value.split("|").map((each) => each.trim())) {
      const written = name === "target" ? expandRange(each) : [each];
      if (typeof written === "string") return written;
      values.push(...written);
    }
    for (const each of values) {
      const wrong = name === "target" ? hostProblem(each) : name === "port" ? parsePort(each) : null;
      if (typeof wrong === "string") return wrong;
    }
    settings.push({ name, values });
  }
  return settings.length > 0
    ? settings
    : "a rule sets nothing; expected such as 0-99: bps=10M,target=10.0.0.9";
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts = [""];
  let quoted = false;
  for (const letter of text) {
    if (letter === '"') quoted = !quoted;
    if (letter === separator && !quoted) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts;
}
