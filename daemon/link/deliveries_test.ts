import assert from "node:assert/strict";
import { Deliveries } from "./deliveries.ts";

Deno.test("deliveries: one bound for all; the oldest make room, the newest is kept however large it is", () => {
  const deliveries = new Deliveries(100);
  const lost: string[] = [];
  const begin = (name: string, bytes: number) => deliveries.begin(bytes, () => void lost.push(name));
  begin("a", 40);
  const b = begin("b", 40);
  begin("c", 20);
  assert.deepEqual([lost, deliveries.bytes], [[], 100]);
  b.done();
  begin("d", 30);
  assert.deepEqual([lost, deliveries.bytes], [[], 90]);
  begin("e", 30);
  assert.deepEqual([lost, deliveries.bytes], [["a"], 80]);
  begin("f", 1_000).done();
  assert.deepEqual([lost, deliveries.bytes], [["a", "c", "d", "e"], 0]);
  b.done();
});
