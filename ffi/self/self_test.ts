import assert from "node:assert/strict";
import { buildInfo, selfCommand, selfPath } from "./self.ts";
import { VERSION } from "./version.ts";

Deno.test("self: from its sources, the program starts itself with deno run", () => {
  const command = selfCommand(["__plugin-host", "1"]);
  assert.equal(command.path, Deno.execPath());
  assert.deepEqual(command.args.slice(-2), ["__plugin-host", "1"]);
  assert.ok(command.args.some((arg) => arg.endsWith("/cli/main.ts")));
  assert.equal(selfPath(), null);
});

Deno.test("self: what --version is made of", () => {
  assert.match(VERSION, /^\d+\.\d+\.\d+$/);
  assert.deepEqual(buildInfo(), {
    version: VERSION,
    kind: "source",
    deno: Deno.version.deno,
    interface: "1.4",
    platform: `${Deno.build.os}-${Deno.build.arch}`,
  });
});
