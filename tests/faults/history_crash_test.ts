/** A process that writes the history is killed at any instant: what it had acknowledged is there, and the file is whole. */
import assert from "node:assert/strict";
import { seededRandom } from "../../base/random.ts";
import { History } from "../../history/mod.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { kill, projectRoot } from "../util/mod.ts";

const KILLS = Deno.env.get("IPBENCH_TEST_QUICK") === "1" ? 4 : 200;
/** The longest time that a writer lives after its first run, in milliseconds. */
const LONGEST_MS = 60;

async function writeAndKill(path: string, first: string, ms: number): Promise<string[]> {
  const writer = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", "--quiet"],
      ...[`${projectRoot()}/tests/fixtures/history_writer.ts`, path, first],
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let text = "", timer: ReturnType<typeof setTimeout> | undefined;
  for await (const bytes of writer.stdout) {
    text += new TextDecoder().decode(bytes);
    timer ??= setTimeout(() => kill(writer.pid, "SIGKILL"), ms);
  }
  await writer.status;
  return text.split("\n").slice(0, -1);
}

Deno.test(`killed ${KILLS} times while it writes, a history has lost nothing that was acknowledged`, async () => {
  using folder = TemporaryFolder.make();
  const path = `${folder.path}/h.sqlite`;
  const random = seededRandom(1);
  let acknowledged = 0;
  for (let n = 0; n < KILLS; n++) {
    const ids = await writeAndKill(path, `w${n}`, random() * LONGEST_MS);
    assert.ok(ids.length > 0, `writer ${n} wrote nothing`);
    acknowledged += ids.length;
    using history = History.open(path, "write");
    if (n % 20 === 3) history.verify();
    const there = new Set(history.list({ id: `w${n}-` }).map(({ id }) => id));
    for (const id of ids) assert.ok(there.has(id), `${id} was acknowledged and is lost`);
    assert.ok(there.size <= ids.length + 1, "at most the one that was being written is there, too");
    assert.ok(history.document(ids[0]!)!.endsWith("}"));
  }
  using history = History.open(path, "read");
  assert.ok(history.count() >= acknowledged);
});
