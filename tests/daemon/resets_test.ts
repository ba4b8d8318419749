/** Connections that are reset before they are accepted, as a port scan makes them. */
import assert from "node:assert/strict";
import { isInstalled, runProgram, TestDaemon } from "../util/mod.ts";

/** Connects and resets for some seconds; prints how often. */
const RESETS = `
import socket, struct, sys, time
end, n = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.close()
    n += 1
print(n)
`;

Deno.test({
  name: "connections that are reset at once hold nobody up, and are no lines of the log (python3)",
  ignore: !isInstalled("python3"),
}, async () => {
  await using daemon = await TestDaemon.start();
  const scan = new Deno.Command("python3", { args: ["-c", RESETS, String(daemon.port), "4"] }).output();
  const { code, stdout, stderr } = await runProgram("ipbench", ["status", `127.0.0.1:${daemon.port}`]);
  const done = await scan;
  const resets = Number(new TextDecoder().decode(done.stdout));
  assert.ok(resets > 100, new TextDecoder().decode(done.stderr));
  assert.equal(code, 0, `after ${resets} resets: ${stdout}${stderr}`);
  assert.deepEqual(daemon.log.filter((line) => line.includes("cannot accept")), []);
});
