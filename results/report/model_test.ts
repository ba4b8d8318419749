import assert from "node:assert/strict";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { ReportBuilder } from "./model.ts";

/** What has changed on hosts between two runs, with what their first tester's environment has on top. */
function changedBetween(first: Record<string, unknown>, second: Record<string, unknown>): string[] {
  const builder = new ReportBuilder();
  for (const [n, environment] of [first, second].entries()) {
    const document = makeDocument({ samples: 100 });
    Object.assign(document.clients[0]!, {
      environment: { ...document.clients[0]!.environment as Record<string, unknown>, ...environment },
    });
    builder.add(document, `${n}.json`);
  }
  return builder.build("two runs").changed.map(({ name }) => name);
}

Deno.test("another port of a tester's socket is no change of the host, another address is", () => {
  const network = (local_address: string) => ({ network: { local_address } });
  assert.deepEqual(changedBetween(network("10.0.0.2:33750"), network("10.0.0.2:36102")), []);
  assert.deepEqual(changedBetween(network("[fe80::1]:7"), network("[fe80::1]:9")), []);
  assert.deepEqual(changedBetween(network("10.0.0.2:7"), network("10.0.0.3:7")), ["network.local_address"]);
});
