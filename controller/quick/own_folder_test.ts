import assert from "node:assert/strict";
import { TemporaryFolder } from "../../tests/fixtures/folders.ts";
import { FileLock } from "../store/file_lock.ts";
import { LEFT_BEHIND_MS } from "./limits.ts";
import { OwnFolder, removeLeftBehind } from "./own_folder.ts";

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("the folder is private, and goes with all that is in it", async () => {
  const folder = await OwnFolder.make();
  await Deno.writeTextFile(folder.secretFile, "s", { mode: 0o600 });
  assert.equal(Deno.statSync(folder.path).mode! & 0o777, 0o700);
  await folder[Symbol.asyncDispose]();
  assert.ok(!exists(folder.path));
});

Deno.test("what a killed look has left is removed, and nothing else", async () => {
  using outer = TemporaryFolder.make();
  const parent = outer.path;
  const old = new Date(Date.now() - 2 * LEFT_BEHIND_MS);
  const make = (name: string, mode = 0o700, time = old) => {
    const path = `${parent}/${name}`;
    Deno.mkdirSync(path);
    Deno.writeTextFileSync(`${path}/secret`, "s");
    Deno.writeTextFileSync(`${path}/secret.lock`, "");
    Deno.chmodSync(path, mode);
    Deno.utimeSync(path, time, time);
    return path;
  };
  const left = make("ipbench-quick-0a1b2c3d");
  const young = make("ipbench-quick-11111111", 0o700, new Date());
  const open = make("ipbench-quick-22222222", 0o755);
  const other = make("ipbench-quick-notes");
  const used = make("ipbench-quick-33333333");
  const lock = await FileLock.take(`${used}/secret`);
  Deno.utimeSync(used, old, old);
  const kept = [young, open, other, used];
  if (Deno.uid() === 0) {
    kept.push(make("ipbench-quick-44444444"));
    Deno.chownSync(kept.at(-1)!, 65534, 65534);
  }
  const precious = make("precious");
  Deno.symlinkSync(precious, `${parent}/ipbench-quick-55555555`);
  const more = make("ipbench-quick-66666666");
  Deno.writeTextFileSync(`${more}/thesis.txt`, "t");
  Deno.utimeSync(more, old, old);
  await removeLeftBehind(parent);
  assert.ok(!exists(left), "left behind");
  for (const path of [...kept, precious]) assert.ok(exists(`${path}/secret`), path);
  assert.ok(exists(`${parent}/ipbench-quick-55555555`) && exists(`${more}/thesis.txt`));
  await lock[Symbol.asyncDispose]();
  Deno.utimeSync(used, old, old);
  await removeLeftBehind(parent);
  assert.ok(!exists(used), "as soon as nobody holds it");
});
