import assert from "node:assert/strict";
import { makeDocument } from "../../../tests/fixtures/documents.ts";
import type { ResultDocument } from "../../document/document.ts";
import { ReportBuilder } from "../model.ts";
import { warningsOf } from "./warnings.ts";

function told(change: (document: ResultDocument) => void): string[] {
  const document = makeDocument({ samples: 200, intervals: 2 });
  change(document);
  const builder = new ReportBuilder();
  builder.add(document, "run.json");
  return warningsOf(builder.build("Run")).map(({ text }) => text);
}

const unlike = (texts: string[]) => texts.some((text) => /Testers are not alike/.test(text));
const nic = (driver: string) => ({ nic: { driver } });

Deno.test("a target that tells other facts than its tester, or fewer, is not called unlike it", () => {
  assert.equal(
    unlike(told(({ clients, targets }) => {
      clients.splice(1);
      clients[0]!.environment = { kernel: "6.1", ...nic("ixgbe") };
      targets[0]!.environment = { kernel: "5.9" };
    })),
    false,
  );
});

Deno.test("testers are compared in what both of them tell", () => {
  const testers = (first: object, second: object) =>
    told(({ clients }) => {
      clients[0]!.environment = { ...first };
      clients[1]!.environment = { ...second };
    });
  assert.equal(unlike(testers(nic("ixgbe"), nic("virtio_net"))), true);
  assert.equal(unlike(testers(nic("ixgbe"), {})), false);
  assert.equal(unlike(testers(nic("ixgbe"), nic("ixgbe"))), false);
});
