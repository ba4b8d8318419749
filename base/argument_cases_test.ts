/** The texts that the C plugins read, too: see the fixture. */
import assert from "node:assert/strict";
import { parseValue } from "./units.ts";
import { splitArgs } from "./args.ts";

const FIXTURE = new URL("../tests/fixtures/argument_cases.txt", import.meta.url);

function cases(kind: string): string[][] {
  return Deno.readTextFileSync(FIXTURE).split("\n").filter((line) => line.startsWith(`${kind} ; `))
    .map((line) => line.replaceAll("\\t", "\t").split(" ; ").slice(1));
}

Deno.test("argument cases: values are the numbers that the plugins read", () => {
  const all = cases("value");
  assert.ok(all.length > 70);
  for (const [type = "", unit = "", text = "", expected = ""] of all) {
    const value = parseValue(type, unit, text);
    const inNs = type === "time" && value !== null ? Math.round(value * 1e9) : value;
    assert.equal(inNs === null ? "refused" : String(inNs), expected, `${type} ${JSON.stringify(text)}`);
  }
});

Deno.test("argument cases: arguments are split as the plugins split them", () => {
  const all = cases("args");
  assert.ok(all.length > 15);
  for (const [spelling, text = "", expected = ""] of all) {
    const found = splitArgs(text, spelling === "original");
    const shown = found.map(({ name, value }) => value === null ? name : `${name}=${value}`).join("|");
    assert.equal(shown, expected, JSON.stringify(text));
  }
});
