/**
 * Values that know where they were written, so that inner overrides outer and every complaint names the right place.
 *
 * @module
 */

import { hostProblem, parsePort } from "./address.ts";
import type { Position, Problem } from "./config_error.ts";
import { type CommandLine, OPTION_NAMES } from "./command_line.ts";
import { MAX_ARGS_BYTES, MAX_TEST_NAME_LENGTH } from "./limits.ts";
import type { OwnKeys } from "./hosts/host_files.ts";
import type { ConfigElement } from "./xml/xml_tree.ts";

/** A text and where it stands. */
export interface Sourced {
  text: string;
  where: Position | string;
  /** Of arguments in a file: where the one of this name stands, or `null` when it is not among them. */
  placeOf?: (argument: string) => Position | null;
}

/** Names of options that carry one text. */
type TextOption = { [K in keyof CommandLine]-?: CommandLine[K] extends string | undefined ? K : never }[
  keyof CommandLine
];

/**
 * @param element The element, or `null`.
 * @param name The attribute's name.
 * @returns The attribute's text and place, if it is there.
 */
export function attribute(element: ConfigElement | null, name: string): Sourced | undefined {
  const found = element?.attributes.get(name);
  if (found === undefined) return undefined;
  const { source, placeOf } = found;
  return {
    text: found.value.trim(),
    where: found.valuePosition,
    placeOf: (argument) => {
      const at = offsetOf(argument, source);
      return at === null ? null : placeOf(at);
    },
  };
}

/** Where an argument's name stands among others, as they are written in a file. */
function offsetOf(argument: string, source: string): number | null {
  const name = argument.replace(/[^A-Za-z0-9_-]/g, "\\$&");
  const found = new RegExp(`(?:^|[,\\s"']|&quot;)(${name})(?=[=,\\s"'&]|$)`, "d").exec(source);
  return found?.indices?.[1]?.[0] ?? null;
}

/**
 * @param line The command line.
 * @param name The option's key.
 * @returns The option's text and name, if it was given.
 */
export function option(line: CommandLine, name: TextOption): Sourced | undefined {
  const text = line[name];
  return text === undefined ? undefined : { text: text.trim(), where: OPTION_NAMES[name] };
}

/**
 * @param element A daemon, or what several stand in.
 * @returns The files with keys that are named there; an empty name stands for none.
 */
export function ownKeys(element: ConfigElement | null): OwnKeys {
  const [secret, ca] = [attribute(element, "secret_file"), attribute(element, "tls_ca")];
  return {
    ...secret !== undefined && { secretFile: secret.text || null },
    ...ca !== undefined && { tlsCa: ca.text || null },
  };
}

/**
 * @param path The daemon's path in the description.
 * @param section What it stands in.
 * @param typed Its keys on the command line, which go before those of the section.
 * @param element The daemon.
 * @returns Where its keys are named, by their paths in the description.
 */
export function keyPlaces(
  path: string,
  section: ConfigElement | null,
  typed: OwnKeys,
  element: ConfigElement | null,
): Record<string, Sourced | undefined> {
  const place = (key: "secretFile" | "tlsCa", name: string) =>
    attribute(element, name) ??
      (typed[key] === undefined ? attribute(section, name) : { text: "", where: OPTION_NAMES[key] });
  return {
    [`${path}.secretFile`]: place("secretFile", "secret_file"),
    [`${path}.tlsCa`]: place("tlsCa", "tls_ca"),
  };
}

/** Checks texts and collects what is wrong, each problem once however many clients inherit it. */
export class Checker {
  readonly problems: Problem[] = [];
  readonly #seen = new Set<string>();

  /** Notes a problem. */
  complain(where: Problem["where"], message: string): void {
    const key = JSON.stringify([where, message]);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.problems.push({ where, message });
  }

  /** A host name or address. */
  host(source: Sourced): string {
    const wrong = hostProblem(source.text);
    if (wrong !== null) this.complain(source.where, wrong);
    return source.text;
  }

  /** The host of a daemon in a file, whose port has an attribute of its own. */
  hostname(source: Sourced): string {
    const { text, where } = source;
    const [, name, port] = /^([^:]+|\[[^\]]*\]):(\d*)$/.exec(text) ?? [];
    if (name !== undefined) {
      const bare = name.replace(/^\[|\]$/g, "");
      this.complain(where, `${JSON.stringify(text)} holds a port; write hostname="${bare}" port="${port}"`);
      return text;
    }
    if (/^@|\[[^:]*\]/.test(text)) {
      const several =
        "ranges and files of hosts are for the command line (--client); here each host has an element";
      this.complain(where, `${JSON.stringify(text)} is no host name or address; ${several}`);
      return text;
    }
    return this.host(source);
  }

  /** A port; `fallback` when nothing was given or it is wrong. */
  port<T>(source: Sourced | undefined, least: 0 | 1, fallback: T): number | T {
    if (source === undefined) return fallback;
    const port = parsePort(source.text, least);
    if (typeof port === "number") return port;
    this.complain(source.where, port);
    return fallback;
  }

  /** The name of a test. */
  testName(source: Sourced): string {
    if (!/^[A-Za-z0-9_-]+$/.test(source.text) || source.text.length > MAX_TEST_NAME_LENGTH) {
      const message = `${
        JSON.stringify(source.text)
      } is not the name of a test; expected letters, digits, "_" and "-"`;
      this.complain(source.where, message);
    }
    return source.text;
  }

  /** Arguments of a test; "" when nothing was given. */
  args(source: Sourced | undefined): string {
    if (source === undefined) return "";
    const bytes = new TextEncoder().encode(source.text).length;
    // deno-lint-ignore no-control-regex
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(source.text)) {
      this.complain(
        source.where,
        "arguments hold a line break or another control character; they are one line",
      );
    } else if (bytes > MAX_ARGS_BYTES) {
      this.complain(
        source.where,
        `arguments of ${bytes} bytes are too long; at most ${MAX_ARGS_BYTES} can be sent`,
      );
    }
    return source.text;
  }
}
