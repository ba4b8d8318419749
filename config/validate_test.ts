import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "./config_error.ts";
import { defaultRun } from "./run_description.ts";
import { checkRunDescription } from "./validate.ts";

const GOOD = {
  ...defaultRun("latency", [{ host: "a", port: 8036, target: "t", targetPort: null, args: "" }]),
  targets: [{ host: "t", port: 8037, test: "cpu_target", args: "", controllerArgs: "" }],
};

function errorsOf(value: unknown): string[] {
  try {
    checkRunDescription(value);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split("\n");
  }
  assert.fail("nothing was thrown");
}

Deno.test("a good description passes unchanged", () => {
  assert.deepEqual(checkRunDescription(structuredClone(GOOD)), GOOD);
});

Deno.test("all problems are named with their paths", () => {
  const bad = {
    ...GOOD,
    test: "a b",
    clients: [{ ...GOOD.clients[0], port: 0, hots: 1 }, { host: "" }],
    require: "0%%",
    untilCi: 2,
  };
  const errors = errorsOf(bad);
  for (
    const start of [
      'test: the name of a test has letters, digits, "_" and "-"',
      "clients[0].port: a port is at least 1",
      'clients[0].hots: unknown key; did you mean "host"?',
      "clients[1].port: missing",
      'require: expected "all"',
      "untilCi: expected a fraction between 0 and 1",
    ]
  ) assert.ok(errors.some((line) => line.startsWith(start)), `${start} in\n${errors.join("\n")}`);
});

Deno.test("what is no object at all is refused", () => {
  for (const value of [null, 1, "x", [], undefined]) assert.equal(errorsOf(value).length > 0, true);
});

Deno.test("property: anything gives a description or a ConfigError", () => {
  fc.assert(fc.property(fc.anything(), fc.constantFrom(...Object.keys(GOOD)), (value, key) => {
    try {
      checkRunDescription({ ...GOOD, [key]: value });
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
    }
  }));
});
