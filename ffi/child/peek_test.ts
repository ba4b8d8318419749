import assert from "node:assert/strict";
import { peekName } from "./peek.ts";

const BUILT = new URL("../../build/", import.meta.url);

function built(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(name, BUILT));
}

Deno.test("peekName: the name inside, not the file's; what is no plugin has none", () => {
  for (const name of ["latency", "latency-check", "dummy_target"]) {
    assert.equal(peekName(built(`plugins/${name}.so`)), name);
  }
  assert.equal(peekName(built("libipbench.so.1")), null);
});

Deno.test("peekName: damaged files end in a name, in none, or in not knowing", () => {
  const good = built("plugins/dummy.so");
  for (let size = 0; size < good.length; size += 97) {
    const name = peekName(good.slice(0, size));
    assert.ok(name === undefined || name === null || name === "dummy");
  }
  let seed = 1;
  const next = (below: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  for (let round = 0; round < 300; round++) {
    const bytes = good.slice();
    for (let count = 0; count < 20; count++) bytes[next(round % 2 === 0 ? 4096 : bytes.length)] = next(256);
    peekName(bytes); // nothing is thrown
  }
});
