/** A search against a real echo whose capacity is known. */
import assert from "node:assert/strict";
import type { SearchDocument } from "../../results/search/document.ts";
import { BucketEcho } from "../fixtures/peers/bucket_process.ts";
import { runProgram, TestDaemon } from "../util/mod.ts";

const CAPACITY = 4e6;
const DEPTH_BYTES = 2_500; // 5 ms: what a scheduler holds up passes, an overload does not.
/** Real-time priority, because tests run on busy machines; short waits at the end of each trial. */
const TEST_ARGS = "socktype=udp,size=250,rt=5,drain=100ms,late=50ms,noise=20ms";

Deno.test("the capacity of a token-bucket echo is found within 2 %, over two testers", async () => {
  await using echo = await BucketEcho.start(CAPACITY, DEPTH_BYTES);
  await using one = await TestDaemon.start();
  await using two = await TestDaemon.start({ ip: "127.0.0.2" });
  const folder = await Deno.makeTempDir({ prefix: "ipbench-search-" });
  try {
    const { code, stdout, stderr } = await runProgram("ipbench", [
      "search",
      ...["--client", `${one.host}:${one.port}`, "--client", `${two.host}:${two.port}`],
      ...["--test", "latency", "--test-target", "127.0.0.1", "--test-port", String(echo.port)],
      ...["--test-args", TEST_ARGS],
      ...["--goal", "pdr:0.5%,initial=500ms,final=500ms,sum=2500ms,width=1%", "--max", "12M", "--min", "1M"],
      // What the tester itself was late in counts for nothing, and is tried again.
      ...["--strict", "--invalid", "30", "--json", `${folder}/search.json`, "--out", folder],
    ], { deadlineMs: 300_000 });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    const document: SearchDocument = JSON.parse(await Deno.readTextFile(`${folder}/search.json`));
    const [goal] = document.goals;
    assert.ok(goal?.regular, stdout);
    const truth = CAPACITY / 0.995;
    assert.ok(Math.abs((goal.lower_bound ?? 0) / truth - 1) <= 0.02, `${goal.lower_bound}\n${stderr}`);
    assert.ok((goal.conditional_throughput ?? 0) > 0.97 * CAPACITY);
    assert.equal(document.load.bits_per_packet, 2000);
    assert.ok((goal.latency_at_lower_bound?.response?.count ?? 0) > 1000);
    assert.match(stdout, /^goal +lower \(bit\/s\)/);
    const kept = [...Deno.readDirSync(folder)].filter(({ name }) => /^trial-\d{4}\.json$/.test(name));
    assert.equal(kept.length, document.trials.length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
