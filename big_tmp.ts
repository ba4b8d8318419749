import { History, historyRun } from "/work/wt/D/main/history/mod.ts";
import { makeDocument } from "/work/wt/D/main/tests/fixtures/documents.ts";
import { seededNormal } from "/work/wt/D/main/tests/util/mod.ts";
const t = makeDocument({ samples: 300, intervals: 2, clients: 1 });
const base = historyRun(t, { labels: { board: "tx2" } });
using h = History.open("/tmp/D_docs/big.sqlite", "write");
const normal = seededNormal(3);
const b = performance.now();
for (let n = 0; n < 10000; n++) {
  const id = "ab" + n.toString(16).padStart(8, "0");
  const f = (n > 9800 ? 1.05 : 1) * (1 + 0.01 * normal());
  const points = base.points.map((p) => ({ ...p, figures: Object.fromEntries(Object.entries(p.figures).map(([k, v]) => [k, v * f])) }));
  h.add({ ...base, id, started: new Date(Date.UTC(2026, 0, 1) + n * 60000).toISOString(), text: base.text.replace(t.run.id, id), points: points as typeof base.points, labels: { board: "tx2", round: String(n) }, commit: { id: n.toString(16).padStart(40, "a"), tag: null, dirty: false } });
}
console.log((performance.now() - b) / 10000, "ms each");
