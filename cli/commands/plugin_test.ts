import assert from "node:assert/strict";
import { embedded } from "../../ffi/self/embedded.ts";
import { rename } from "./plugin.ts";

Deno.test("plugin new: the template's name is gone, identifiers of C stay identifiers", async () => {
  const source = await embedded().templates.get("dummy/dummy.c")!();
  const text = rename(source, "dummy", "my-test");
  assert.doesNotMatch(text, /dummy/i);
  assert.match(text, /\.name = "my-test",/);
  assert.match(text, /static int my_test_start\(/);
  assert.match(text, /\.start = my_test_start,/);
});

Deno.test("plugin new: the target's template likewise", async () => {
  const source = await embedded().templates.get("dummy_target/dummy_target.c")!();
  const text = rename(source, "dummy_target", "meter");
  assert.doesNotMatch(text, /dummy_target|RETURNED/);
  assert.match(text, /\.name = "meter",/);
});
