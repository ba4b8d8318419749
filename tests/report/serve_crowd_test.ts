/** `ipbench serve` with few descriptors and many connections: it goes on when there are descriptors again. */
import assert from "node:assert/strict";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { freePort, programCommand, until } from "../util/mod.ts";

/** More than any of the limits below leaves room for. */
const CROWD = 400;

for (const files of [200, 64]) {
  Deno.test(`serve with ${files} descriptors answers again after a crowd`, async () => {
    using folder = TemporaryFolder.make();
    Deno.chmodSync(folder.path, 0o700);
    const command = programCommand("ipbench");
    const port = freePort();
    const child = new Deno.Command("sh", {
      args: [
        ...["-c", `ulimit -n ${files}; exec "$@"`, "sh", command.path, ...command.args],
        ...["serve", "--listen", `127.0.0.1:${port}`],
      ],
      env: { XDG_RUNTIME_DIR: folder.path, IPBENCH_HISTORY: `${folder.path}/history.sqlite` },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const crowd: Deno.TcpConn[] = [];
    const ask = async () => {
      const signal = AbortSignal.timeout(5_000);
      return await fetch(`http://127.0.0.1:${port}/`, { signal }).then((answer) => answer.text(), () => "");
    };
    try {
      await until("the first page", 60_000, async () => /<h1>Runs/.test(await ask()) ? true : undefined);
      for (let round = 0; round < 2; round++) {
        // All at once, and none of them asks for anything.
        const all = Array.from({ length: CROWD }, () => Deno.connect({ hostname: "127.0.0.1", port }));
        for (const each of await Promise.allSettled(all)) {
          if (each.status === "fulfilled") crowd.push(each.value);
        }
        assert.ok(crowd.length >= files, `${crowd.length} connections`);
        for (const connection of crowd.splice(0)) connection.close();
        await until("an answer", 30_000, async () => /<h1>Runs/.test(await ask()) ? true : undefined);
      }
    } finally {
      for (const connection of crowd) connection.close();
      child.kill("SIGTERM");
      await child.status;
    }
  });
}
