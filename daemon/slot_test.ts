import assert from "node:assert/strict";
import { PluginError } from "../ffi/mod.ts";
import { createClock } from "./clock.ts";
import { TestSlot } from "./slot.ts";
import type { SlotOwner } from "./slot_types.ts";
import type { SlotHost } from "./spare.ts";

/** A plugin's process that looks at the machine until it is ended, or at once. */
function process(number: number, looksForEver: boolean): SlotHost {
  const exited = Promise.withResolvers<{ code: number; signal: null }>();
  const end = Promise.withResolvers<never>();
  end.promise.catch(() => {});
  return {
    pid: number,
    exited: exited.promise,
    environment: async () => looksForEver ? await end.promise : { kernel: `seen by ${number}` },
    // deno-lint-ignore require-await
    kill: async () => {
      end.reject(new PluginError("crash", "kill", "it was ended by ipbench"));
      exited.resolve({ code: 0, signal: null });
    },
  } as Partial<SlotHost> as SlotHost;
}

const owner = (name: string): SlotOwner => ({ name, address: "127.0.0.1", gone: false, failed: () => {} });

Deno.test("ENV: when the test ends whose process looks, another process looks", async () => {
  let started = 0;
  const slot = new TestSlot({
    role: "tester",
    clock: createClock(undefined, () => 0n),
    host: { pluginDirs: [], debug: false, log: () => {} },
    spawn: () => process(++started, started === 1),
    log: () => {},
  });
  try {
    const first = owner("first");
    await slot.take(first);
    const answer = slot.environment(owner("second"), null, null);
    await slot.release(first);
    assert.deepEqual(JSON.parse(await answer), { kernel: "seen by 2" });
  } finally {
    await slot.shutdown();
  }
});
