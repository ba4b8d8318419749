import assert from "node:assert/strict";
import { Semaphore } from "./semaphore.ts";

Deno.test("a semaphore runs no more than its capacity at once, in order, and frees after a failure", async () => {
  const semaphore = new Semaphore(2);
  const order: number[] = [];
  let active = 0;
  let most = 0;
  const tasks = [0, 1, 2, 3, 4].map((n) =>
    semaphore.run(async () => {
      active++;
      most = Math.max(most, active);
      order.push(n);
      await Promise.resolve();
      await Promise.resolve();
      active--;
      if (n === 1) throw new Error("one");
      return n;
    })
  );
  const settled = await Promise.allSettled(tasks);
  assert.equal(most, 2);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  assert.deepEqual(settled.map((s) => s.status), [
    "fulfilled",
    "rejected",
    "fulfilled",
    "fulfilled",
    "fulfilled",
  ]);
});
