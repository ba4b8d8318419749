import assert from "node:assert/strict";
import type { PluginOption } from "../../ffi/mod.ts";
import { argumentsOf, misspelt, withSuggestion } from "./misspelt.ts";
import { RunError } from "../run/run_error.ts";

const OPTIONS: PluginOption[] = ["seconds", "text", "with_cpu_target"].map((name) => ({
  ...{ name, type: "string", unit: "", default: "", range: "", help: "x" },
  controller: name === "with_cpu_target",
}));
const PEER = { role: "client", host: "10.0.0.2", port: 8036, index: 0 } as const;

Deno.test("an argument that is close to one of the test's table is suggested", () => {
  const own = argumentsOf({ options: OPTIONS });
  assert.equal(misspelt("text=a,secnds=1", own), 'did you mean "seconds" instead of "secnds"?');
  for (const args of ["", "seconds=1", "zzz=1", "with_cpu_targt"]) {
    assert.equal(misspelt(args, own), null, args);
  }
  assert.equal(misspelt("secnds=1", null), null);
});

Deno.test("a refusal gets the suggestion, unless the test has made its own or it is no refusal of arguments", () => {
  const told = (error: unknown) => withSuggestion(error, "secnds=1", OPTIONS);
  const refused = new RunError(PEER, "setup", "refused", "test dummy: unknown argument");
  assert.match(String(told(refused)), /unknown argument; did you mean "seconds" instead of "secnds"\?$/);
  for (
    const error of [
      new RunError(PEER, "setup", "refused", "argument secnds is not known; did you mean seconds?"),
      new RunError(PEER, "setup", "timeout", "no answer"),
      new RunError(PEER, "load", "refused", "no such test"),
      new TypeError("x"),
    ]
  ) assert.equal(told(error), error);
});
