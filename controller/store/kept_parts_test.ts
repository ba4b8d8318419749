import assert from "node:assert/strict";
import type { ClientResult } from "../../results/document/document.ts";
import { isSame, KeptParts, withPart } from "./kept_parts.ts";

const PART = {
  host: "lab1",
  histograms: { response: "HISTFAAA…", service: null },
  series: [{ t_ns: 0, sent: 1, ok: 1 }],
  environment: { kernel: "6.18", cpu: { model: "ü" } },
} as unknown as Partial<ClientResult>;

Deno.test("few testers' parts stay as they are", async () => {
  const kept = await KeptParts.open(10);
  assert.equal(kept.keep(PART), PART);
  assert.equal(Object.getOwnPropertyDescriptor(PART, "series")?.get, undefined);
});

Deno.test("many testers' bulk is read where it is asked for, and the parts are the same", async () => {
  const kept = await KeptParts.open(10_000);
  const first = kept.keep({ ...PART }), second = kept.keep({ ...PART, environment: { kernel: "other" } });
  assert.equal(typeof Object.getOwnPropertyDescriptor(first, "histograms")?.get, "function");
  assert.deepEqual(JSON.parse(JSON.stringify(first)), JSON.parse(JSON.stringify(PART)));
  assert.deepEqual(second.environment, { kernel: "other" });
  const whole = withPart(first as ClientResult, { error: "lost" });
  assert.notEqual(whole, first);
  assert.equal(whole.error, "lost");
  assert.deepEqual(whole.series, PART.series);
  for (const key of ["histograms", "series", "environment", "host"] as const) {
    assert.ok(isSame(key, whole, first as ClientResult), key);
  }
  assert.ok(!isSame("environment", first as ClientResult, second as ClientResult));
  assert.ok(!isSame("error", whole, first as ClientResult));
  assert.ok(!isSame("series", first as ClientResult, undefined));
});
