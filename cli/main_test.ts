import assert from "node:assert/strict";
import { withCommand } from "./main.ts";

Deno.test("what begins with an option is a run, as it was in the original", () => {
  assert.deepEqual(withCommand(["--client", "a"]), ["run", "--original-spelling", "--client", "a"]);
  assert.deepEqual(withCommand(["-dca"]), ["run", "--original-spelling", "-dca"]);
});

Deno.test("help, subcommands and unknown words are left as they are", () => {
  for (
    const args of [[], ["-h"], ["--help", "run"], ["status", "a"], ["run", "--client", "a"], ["rnu"]]
  ) {
    assert.deepEqual(withCommand(args), args);
  }
});

Deno.test("a configuration in the place of a command is run", () => {
  assert.deepEqual(withCommand(["lab.xml", "--json", "a"]), ["run", "lab.xml", "--json", "a"]);
});
