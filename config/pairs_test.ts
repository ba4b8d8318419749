import assert from "node:assert/strict";
import { sendersOf } from "../base/senders.ts";
import { buildDescription } from "./build_description.ts";
import { ConfigError, formatProblem } from "./config_error.ts";
import { parseConfigFile } from "./config_file.ts";
import { defaultRun, type RunDescription } from "./run_description.ts";
import { checkRunDescription } from "./validate.ts";

function build(clients: string): RunDescription {
  const xml = `<ipbench>\n<test name="forward">\n${clients}\n</test>\n</ipbench>`;
  return buildDescription({}, parseConfigFile(xml, "f.xml")).description;
}

function errorsOf(clients: string): string[] {
  try {
    build(clients);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

Deno.test("a client names the one that receives: by name, address, or host", () => {
  const run = build(`<client hostname="a" to="right"/>
    <client hostname="b" to="c:9000"/>
    <client hostname="e" to="d"/>
    <client name="right" hostname="c"/>
    <client hostname="c" port="9000" to="a"/>
    <client hostname="d"/>`);
  assert.deepEqual(run.clients.map(({ to }) => to), [3, 4, 5, undefined, 0, undefined]);
  assert.deepEqual(run.clients.map(({ name }) => name), [
    undefined,
    undefined,
    undefined,
    "right",
    undefined,
    undefined,
  ]);
  assert.deepEqual(sendersOf(run.clients).map(({ host }) => host), ["a", "b", "e", "c"]);
  assert.deepEqual(checkRunDescription(JSON.parse(JSON.stringify(run))), run);
});

Deno.test("without pairs every client sends, in a run with classes each class by itself", () => {
  const plain: { to?: number }[] = [{}, {}];
  assert.deepEqual(sendersOf(plain), plain);
  const classes = [{ class: "a" }, { class: "b", to: 2 }, { class: "b" }];
  assert.deepEqual(sendersOf(classes), classes.slice(0, 2));
});

Deno.test("names that nobody has, loops, and clients of no pair are told with line and column", () => {
  assert.deepEqual(errorsOf(`<client hostname="a" to="rihgt"/>\n<client name="right" hostname="b"/>`), [
    `f.xml:3:26: no client of this test is called "rihgt"; did you mean "right"?`,
  ]);
  assert.deepEqual(errorsOf(`<client hostname="a" to="a"/>\n<client hostname="b" to="a"/>`), [
    "f.xml:3:26: a client cannot send to itself",
  ]);
  assert.deepEqual(
    errorsOf(`<client hostname="a" to="b"/>\n<client hostname="b"/>\n<client hostname="c"/>`),
    [
      `f.xml:5:1: client c:8036 neither sends nor receives: say to="…" in it, or name it in another's`,
    ],
  );
  assert.deepEqual(
    errorsOf(`<client hostname="a" to="b"/>\n<client hostname="b"/>\n<client hostname="b" port="9"/>`),
    [
      `f.xml:3:26: 2 clients are on b: give the one that is meant a name="…", and say that`,
    ],
  );
  assert.deepEqual(
    errorsOf(
      `<client hostname="a" to="x"/>\n<client name="x" hostname="b"/>\n<client name="x" hostname="c"/>`,
    ),
    [`f.xml:5:15: a second client named "x" (first: line 4)`],
  );
  assert.deepEqual(errorsOf(`<client name="a b" hostname="a" to="c"/>\n<client hostname="c"/>`), [
    `f.xml:3:15: "a b" is no name; expected letters, digits, "_", "-" and "."`,
  ]);
});

Deno.test("pairs of a description that a program made are checked", () => {
  const client = { host: "a", port: 1, target: "t", targetPort: null, args: "" };
  const wrong = (clients: RunDescription["clients"]) => {
    try {
      checkRunDescription(defaultRun("forward", clients));
    } catch (error) {
      return String(error);
    }
    return "";
  };
  assert.match(wrong([{ ...client, to: 1 }]), /clients\[0\]\.to: there is no client 1/);
  assert.match(wrong([{ ...client, to: 0 }]), /cannot send to itself/);
  assert.match(wrong([{ ...client, to: -1 }, client]), /to/);
  assert.equal(wrong([{ ...client, to: 1 }, client]), "");
});
