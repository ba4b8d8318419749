/**
 * Checks a run description that did not come from {@linkcode buildDescription}: one made by a program, or the `config`
 * of a result document.
 *
 * @module
 */

import { parseQuantity } from "../base/units.ts";
import { LONGEST_SECONDS } from "../base/values.ts";
import * as v from "valibot";
import { ConfigError } from "./config_error.ts";
import {
  MAX_ARGS_BYTES,
  MAX_BEGIN_SECONDS,
  MAX_CLASS_SECONDS,
  MAX_CLASSES,
  MAX_CLIENTS,
  MAX_TARGETS,
  MAX_TEST_NAME_LENGTH,
  MAX_WAIT_SECONDS,
} from "./limits.ts";
import { classNameProblem } from "./classes.ts";
import { hostProblem } from "./address.ts";
import { suggestion } from "../base/nearest.ts";
import { pairProblems } from "./pairs.ts";
import { parseRequire } from "./require.ts";
import type { RunDescription } from "./run_description.ts";

const port = v.pipe(
  v.number("expected a port number"),
  v.integer("a port is a whole number"),
  v.minValue(1, "a port is at least 1"),
  v.maxValue(65535, "a port is at most 65535"),
);
const host = v.pipe(
  v.string("expected a host name or address"),
  v.rawCheck(({ dataset, addIssue }) => {
    const message = dataset.typed ? hostProblem(dataset.value) : null;
    if (message !== null) addIssue({ message });
  }),
);
const args = v.pipe(
  v.string("expected the arguments as one text"),
  v.maxLength(MAX_ARGS_BYTES, `arguments are too long; at most ${MAX_ARGS_BYTES} bytes can be sent`),
  // deno-lint-ignore no-control-regex
  v.regex(/^[^\u0000-\u0008\u000a-\u001f\u007f]*$/, "arguments hold a control character; they are one line"),
);
const testName = v.pipe(
  v.string("expected the name of a test"),
  v.maxLength(MAX_TEST_NAME_LENGTH, "the name of a test is too long"),
  v.regex(/^[A-Za-z0-9_-]+$/, `the name of a test has letters, digits, "_" and "-"`),
);
const className = v.pipe(
  v.string("expected the name of a class"),
  v.rawCheck(({ dataset, addIssue }) => {
    const message = dataset.typed ? classNameProblem(dataset.value) : null;
    if (message !== null) addIssue({ message });
  }),
);
const instant = (most: number) =>
  v.pipe(
    v.number("expected seconds"),
    v.minValue(0, "expected at least 0 seconds"),
    v.maxValue(most, `expected at most ${most} seconds`),
  );
const required = v.pipe(
  v.string(`expected "all", a count or a share`),
  v.check(
    (text) => parseRequire(text) !== null,
    `expected "all", a count such as "3", or a share such as "90%"`,
  ),
);
const timeoutSeconds = v.nullable(
  v.pipe(
    v.number("expected seconds"),
    v.gtValue(0, "expected more than 0 seconds"),
    v.maxValue(LONGEST_SECONDS, `expected at most ${LONGEST_SECONDS} seconds`),
  ),
);
const untilCi = v.nullable(v.pipe(
  v.number("expected a fraction"),
  v.gtValue(0, "expected a fraction between 0 and 1"),
  v.ltValue(1, "expected a fraction between 0 and 1"),
));
/** Of one daemon alone. */
const keys = {
  secretFile: v.exactOptional(v.nullable(v.string("expected a path"))),
  tlsCa: v.exactOptional(v.nullable(v.string("expected a path"))),
};
/** Of a daemon that dials in. */
const number = v.pipe(
  v.number("expected a number"),
  v.integer("expected a whole number"),
  v.minValue(0, "expected at least 0"),
);
const client = v.strictObject({
  host,
  port,
  target: host,
  targetPort: v.nullable(port),
  args,
  class: v.exactOptional(className),
  name: v.exactOptional(v.string("expected a name")),
  joins: v.exactOptional(number),
  to: v.exactOptional(
    v.pipe(v.number("expected the number of a client"), v.integer("expected a whole number"), v.minValue(0)),
  ),
  ...keys,
});
const target = v.strictObject({
  host,
  port,
  test: testName,
  args,
  controllerArgs: args,
  class: v.exactOptional(className),
  joins: v.exactOptional(number),
  ...keys,
});
const classEntry = v.pipe(
  v.strictObject({
    name: className,
    test: testName,
    controllerArgs: args,
    require: required,
    beginSeconds: instant(MAX_BEGIN_SECONDS),
    endSeconds: v.nullable(instant(MAX_CLASS_SECONDS)),
    timeoutSeconds,
    untilCi,
  }),
  v.check(
    ({ beginSeconds, endSeconds }) => endSeconds === null || endSeconds > beginSeconds,
    "expected the class to end after its begin",
  ),
);
const fields = v.strictObject({
  test: testName,
  controllerArgs: args,
  clients: v.pipe(
    v.array(client, "expected a list of clients"),
    v.minLength(1, "expected at least one client"),
    v.maxLength(MAX_CLIENTS, `at most ${MAX_CLIENTS} clients can run together`),
  ),
  targets: v.pipe(
    v.array(target, "expected a list of targets"),
    v.maxLength(MAX_TARGETS, `at most ${MAX_TARGETS} targets can run together`),
  ),
  reset: v.boolean("expected true or false"),
  debug: v.boolean("expected true or false"),
  timeoutSeconds,
  require: required,
  pluginDirs: v.array(v.string("expected a path"), "expected a list of paths"),
  secretFile: v.nullable(v.string("expected a path")),
  requireSecret: v.exactOptional(v.boolean("expected true or false")),
  originalSpelling: v.exactOptional(v.boolean("expected true or false")),
  tls: v.nullable(v.strictObject({
    ca: v.nullable(v.string("expected a path")),
    cert: v.exactOptional(v.string("expected a path")),
    key: v.exactOptional(v.string("expected a path")),
  })),
  untilCi,
  gates: v.exactOptional(v.array(v.strictObject({
    metric: v.pipe(
      v.string("expected the name of a figure"),
      v.minLength(1, "expected the name of a figure"),
    ),
    operator: v.picklist(["<", "<=", ">", ">="], "expected <, <=, > or >="),
    limit: v.pipe(
      v.string("expected a limit"),
      v.check((text) => parseQuantity(text) !== null, "expected a limit such as 200us"),
    ),
    class: v.exactOptional(v.string("expected the name of a class")),
  }))),
  listen: v.exactOptional(v.strictObject({
    host: v.nullable(host),
    port: v.pipe(
      v.number("expected a port number"),
      v.integer("a port is a whole number"),
      v.minValue(0, "a port is at least 0"),
      v.maxValue(65535, "a port is at most 65535"),
    ),
    waitSeconds: v.pipe(
      v.number("expected seconds"),
      v.gtValue(0, "expected more than 0 seconds"),
      v.maxValue(MAX_WAIT_SECONDS, `expected at most ${MAX_WAIT_SECONDS} seconds`),
    ),
    tls: v.exactOptional(v.strictObject({
      cert: v.string("expected a path"),
      key: v.string("expected a path"),
    })),
  })),
  classes: v.exactOptional(v.pipe(
    v.array(classEntry, "expected a list of classes"),
    v.minLength(1, "expected at least one class"),
    v.maxLength(MAX_CLASSES, `at most ${MAX_CLASSES} classes can run together`),
    v.check((all) => new Set(all.map(({ name }) => name)).size === all.length, "two classes have one name"),
  )),
});
/** Whoever names a class names one that there is, and with classes every client does. */
const description = v.pipe(
  fields,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { classes, clients, targets, listen } = dataset.value;
    const names = classes?.map(({ name }) => name) ?? [];
    for (const [key, list] of Object.entries({ clients, targets })) {
      const joining = list.flatMap(({ joins }) => joins ?? []).toSorted((a, b) => a - b);
      if (joining.some((index, n) => index !== n)) {
        addIssue({ message: `${key}: those that dial in are numbered from 0, each once` });
      } else if (joining.length > 0 && listen === undefined) {
        addIssue({ message: `${key}: some dial in, and "listen" does not say where` });
      }
      for (const [n, part] of list.entries()) {
        const missing = part.class === undefined;
        if (missing ? key === "targets" || names.length === 0 : names.includes(part.class!)) continue;
        const what = missing
          ? "needs a class, as all clients of a run with classes"
          : `no class "${part.class}"`;
        addIssue({ message: `${key}[${n}]: ${what}` });
      }
    }
    for (const [n, message] of pairProblems(clients)) addIssue({ message: `clients[${n}].to: ${message}` });
    for (const name of names) {
      if (!clients.some((client) => client.class === name)) {
        addIssue({ message: `the class "${name}" has no client` });
      }
    }
  }),
);

/**
 * Checks a run description of unknown origin.
 *
 * @param value Anything, such as parsed JSON.
 * @returns The description.
 * @throws {ConfigError} with everything that is wrong, each with its path (`clients[0].port: …`).
 * @example
 * ```ts
 * const description = checkRunDescription(JSON.parse(text));
 * ```
 */
export function checkRunDescription(value: unknown): RunDescription {
  const result = v.safeParse(description, value);
  if (result.success) return result.output;
  throw new ConfigError(result.issues.map((issue) => {
    const where = pathOf(issue.path ?? []) || null;
    if (issue.kind === "schema" && issue.type === "strict_object" && issue.expected === "never") {
      const last = String(issue.path?.at(-1)?.key ?? "");
      return { where, message: `unknown key${suggestion(last, knownKeys(issue.path ?? []))}` };
    }
    const missing = issue.received === "undefined" ? "missing; " : "";
    const found = issue.kind === "schema" && missing === "" ? `, found ${issue.received}` : "";
    const wrong = issue.message.startsWith("Invalid ") ? "expected something else" : issue.message;
    return { where, message: missing + wrong + found };
  }));
}

function pathOf(path: readonly { key?: unknown }[]): string {
  return path.map(({ key }, i) => typeof key === "number" ? `[${key}]` : `${i > 0 ? "." : ""}${String(key)}`)
    .join("");
}

function knownKeys(path: readonly { key?: unknown }[]): string[] {
  const [first] = path;
  if (path.length === 1) return Object.keys(fields.entries);
  if (first?.key === "clients") return Object.keys(client.entries);
  if (first?.key === "classes") return Object.keys(classEntry.pipe[0].entries);
  return first?.key === "targets" ? Object.keys(target.entries) : ["ca"];
}
