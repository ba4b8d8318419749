import assert from "node:assert/strict";
import { ResultStore, type StoredResult } from "./result_store.ts";
import { RunError } from "../run/run_error.ts";

const LIMITS = { resultMemoryBytes: 100, resultDiskBytes: 1_000 };

async function inFolder(task: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-store-" });
  try {
    await task(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function filled(store: ResultStore, size: number, byte: number): Promise<StoredResult> {
  const stored = await store.open(size);
  for (let done = 0; done < size; done += 7) {
    await stored.write(new Uint8Array(Math.min(7, size - done)).fill(byte + (done % 5)));
  }
  return stored;
}

/** Files of this folder that this process has open. */
function openFiles(folder: string): number {
  return [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith(`${folder}/`);
    } catch {
      return false;
    }
  }).length;
}

Deno.test("results beyond the memory's limit wait on disk, under no name, and come back as they were", () =>
  inFolder(async (folder) => {
    const store = new ResultStore(LIMITS, folder);
    const inMemory = await filled(store, 80, 1);
    assert.equal(openFiles(folder), 0);
    const onDisk = await filled(store, 90, 2);
    assert.equal(openFiles(folder), 1);
    assert.deepEqual([...Deno.readDirSync(folder)], [], "a crash leaves no file");
    for (const [stored, size, byte] of [[inMemory, 80, 1], [onDisk, 90, 2]] as const) {
      const expected = Array.from({ length: size }, (_, at) => byte + ((at - at % 7) % 5));
      assert.deepEqual([...await stored.bytes()], expected);
    }
    onDisk.close();
    inMemory.close();
    inMemory.close();
    assert.equal(openFiles(folder), 0);
    const again = await filled(store, 100, 3);
    assert.equal(openFiles(folder), 0, "the memory was given back, once");
    const further = await filled(store, 1, 3);
    assert.equal(openFiles(folder), 1, "and not twice");
    again.close();
    further.close();
  }));

Deno.test("the disk's limit, and a disk that does not take it, are the controller's trouble", () =>
  inFolder(async (folder) => {
    const store = new ResultStore(LIMITS, folder);
    const kept = await store.open(900);
    const mine = (error: unknown) => {
      assert.ok(error instanceof RunError && error.peer === null && error.code === "limit", String(error));
      assert.match(error.message, /^controller: .*TMPDIR/);
      return true;
    };
    await assert.rejects(store.open(101), mine);
    kept.close();
    (await store.open(1_000)).close();
    await assert.rejects(new ResultStore(LIMITS, `${folder}/nowhere`).open(500), mine);
  }));
