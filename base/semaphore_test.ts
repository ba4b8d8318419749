import assert from "node:assert/strict";
import { eachInLane, Semaphore } from "./semaphore.ts";

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

Deno.test("light tasks share a semaphore, a heavy one has it alone, and nobody overtakes", async () => {
  const semaphore = new Semaphore(10);
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const started: number[] = [];
  const tasks = [4, 4, 4, 25, 1].map((weight, n) =>
    semaphore.run(async () => {
      started.push(n);
      await gates[n]!.promise;
    }, weight)
  );
  const end = async (n: number) => {
    gates[n]!.resolve();
    await tasks[n];
  };
  assert.deepEqual(started, [0, 1], "the third would be too much");
  await end(1);
  assert.deepEqual(started, [0, 1, 2], "the last one waits for the heavy one, though there is room");
  await end(0);
  assert.deepEqual(started, [0, 1, 2]);
  await end(2);
  assert.deepEqual(started, [0, 1, 2, 3]);
  await end(3);
  assert.deepEqual(started, [0, 1, 2, 3, 4]);
  await end(4);
});

Deno.test("each of many has its turn in a lane, and one that is slow keeps no lane", async () => {
  const ends = new Map<number, () => void>();
  const begun: number[] = [];
  let done = false;
  const all = eachInLane([0, 1, 2, 3, 4], 2, 20, (n) => {
    begun.push(n);
    return n < 2 ? new Promise<void>((resolve) => ends.set(n, resolve)) : Promise.resolve();
  }).then(() => done = true);
  assert.deepEqual(begun, [0, 1], "two lanes");
  ends.get(1)!();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.ok(!done, "the slow one is waited for");
  ends.get(0)!();
  await all;

  begun.length = 0;
  const blocked = eachInLane([0, 1], 1, 20, (n) => {
    begun.push(n);
    return new Promise<void>((resolve) => ends.set(n, resolve));
  });
  assert.deepEqual(begun, [0]);
  while (begun.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const end of ends.values()) end();
  await blocked;
});
