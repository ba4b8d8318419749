/**
 * Many hosts in one word: `lab[01-64]`, `10.0.[0-3].[1,3,7-9]`, `lab[1-4]:9036`, and lists of such words in a text.
 *
 * @module
 */

import { MAX_HOSTS } from "../limits.ts";

/** The numbers between two brackets. */
const NUMBERS = /\[([0-9][0-9,-]*)\]/;
/** An IPv6 address between brackets, with a port or without. */
const BRACKETED = /^\[[^[\]]*\](?::[^[\]]*)?$/;
/** More digits are no number of a machine. */
const MAX_DIGITS = 9;

/**
 * Writes out the hosts that a word stands for.
 *
 * @param word A host with its port or user, and perhaps numbers between brackets, whose leading zeros are kept; with
 * `HOST=ADDRESS` the addresses of the hosts, one each.
 * @returns The hosts in the order of the numbers, or a sentence on what is wrong.
 */
export function expandRange(word: string): string[] | string {
  const [, name, to] = /^([^=]*)=(.*)$/s.exec(word) ?? [word, word];
  const names = expandOne(name!);
  const others = to === undefined ? undefined : expandOne(to);
  for (const wrong of [names, others]) {
    if (typeof wrong === "string") return `in ${JSON.stringify(word)}, ${wrong}`;
  }
  if (others === undefined) return names;
  if (others.length !== names.length) {
    return `in ${JSON.stringify(word)}, ${names.length} hosts have ${others.length} addresses`;
  }
  return (names as string[]).map((host, i) => `${host}=${others[i]}`);
}

function expandOne(word: string): string[] | string {
  let expanded = [word];
  for (;;) {
    const match = NUMBERS.exec(expanded[0]!);
    if (match === null) break;
    const numbers = readNumbers(match[1]!, Math.floor(MAX_HOSTS / expanded.length));
    if (typeof numbers === "string") return numbers;
    expanded = expanded.flatMap((host) => numbers.map((each) => host.replace(NUMBERS, () => each)));
  }
  if (/[[\]]/.test(expanded[0]!) && !BRACKETED.test(expanded[0]!)) {
    return "the brackets hold no numbers; expected such as [1-8] or [01,03,07-12]";
  }
  return expanded;
}

/** "01-03,7" as texts. */
function readNumbers(list: string, most: number): string[] | string {
  const found: string[] = [];
  for (const part of list.split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) return `"${part}" is no number and no range; expected such as 3 or 1-8`;
    const [first, last] = [match[1]!, match[2] ?? match[1]!];
    if (first.length > MAX_DIGITS || last.length > MAX_DIGITS) {
      return `${part} has more than ${MAX_DIGITS} digits`;
    }
    if (Number(last) < Number(first)) return `${part} goes backwards; expected ${last}-${first}`;
    if (found.length + Number(last) - Number(first) + 1 > most) return TOO_MANY;
    for (let n = Number(first); n <= Number(last); n++) {
      found.push(first.startsWith("0") ? `${n}`.padStart(first.length, "0") : `${n}`);
    }
  }
  const twice = firstTwice(found);
  return twice === undefined ? found : `${twice} is there twice`;
}

const TOO_MANY = `there are more than ${MAX_HOSTS} hosts`;

function firstTwice(texts: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return texts.find((text) => seen.has(text) || !seen.add(text));
}

/**
 * Reads a list of hosts: words between blanks or line ends; what follows a "#" is a remark.
 *
 * @param text The list.
 * @param name Its file, for messages.
 * @returns The hosts in the order of the list, and what is wrong with it.
 */
export function parseHostList(text: string, name: string): { hosts: string[]; wrong: string[] } {
  const places = new Map<string, number>();
  const wrong: string[] = [];
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const place = `${name}:${index + 1}`;
    for (const word of line.replace(/(^|\s)#.*/, "").split(/\s+/)) {
      if (word === "") continue;
      if (word.startsWith("@")) {
        wrong.push(`${place}: a list of hosts names no other list (${word})`);
        continue;
      }
      const hosts = expandRange(word);
      if (typeof hosts === "string") {
        wrong.push(`${place}: ${hosts}`);
        continue;
      }
      for (const host of hosts) {
        const earlier = places.get(host);
        if (earlier !== undefined) wrong.push(`${place}: ${host} is there twice (first: line ${earlier})`);
        else places.set(host, index + 1);
      }
      if (places.size > MAX_HOSTS) return { hosts: [], wrong: [`${name}: ${TOO_MANY}`] };
    }
  }
  if (places.size === 0 && wrong.length === 0) wrong.push(`${name} names no host`);
  return { hosts: [...places.keys()], wrong };
}
