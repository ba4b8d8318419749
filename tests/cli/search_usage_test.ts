/** Wrong use of sweep, search and rfc2544: status 2, one sentence that names what is wrong, nothing on stdout. */
import assert from "node:assert/strict";
import { runProgram } from "../util/mod.ts";

const RUN = ["--client", "127.0.0.1:1", "--test", "latency", "--test-target", "127.0.0.1"];

Deno.test("wrong use of sweep, search and rfc2544 is said in a sentence, with status 2", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-usage-" });
  const cases: [string[], RegExp][] = [
    [["sweep", ...RUN, "-o", folder], /nothing to sweep over; give an axis, such as --over bps=/],
    [["sweep", ...RUN, "--over", "bps=10M:1M:1M"], /axis bps: the range "10M:1M:1M" ends before it begins/],
    [["sweep", ...RUN, "--over", "bps=1M", "--until", "loss>1ms"], /loss is compared with a share/],
    [["sweep", ...RUN, "--over", "bps=1M", "--resume"], /--resume needs the folder/],
    [["search", ...RUN], /give the largest load to try: --max 1G/],
    [["search", ...RUN, "--max", "1G", "--goal", "nrd"], /unknown goal "nrd"; known: ndr, pdr/],
    [["search", ...RUN, "--max", "1G", "--latency", "p99<5"], /needs a time above 0 with its unit/],
    [
      ["rfc2544", ...RUN, "--test-args", "socktype=udp", "--line-rate", "1G", "--tests", "reset"],
      /say what resets the device: --reset-command COMMAND/,
    ],
    ...([["max", "0"], ["min", "0"], ["invalid", "0"], ["max-trials", "1.5"], ["max-time", "0"]] as const)
      .map((
        [name, value],
      ): [string[], RegExp] => [
        ["search", ...RUN, "--max", "1G", `--${name}`, value],
        new RegExp(`^ipbench: (warning.*\\nipbench: )?--${name}: "${value}" is`, "m"),
      ]),
    ...[
      ...[["line-rate", "0"], ["frames", "0"], ["trial", "0"], ["width", "0"], ["width", "100%"]],
      ...[["latency-trial", "0"], ["latency-repeat", "0"], ["burst", "0"], ["burst-repeat", "0.5"]],
      ...[["overload", "0"], ["reset-trial", "0"], ["repeat", "0"], ["invalid", "-1"]],
    ].map(([name, value]): [string[], RegExp] => [
      ["rfc2544", ...RUN, "--test-args", "socktype=udp", "--line-rate", "1G", `--${name}`, value!],
      new RegExp(`^ipbench: --${name}: "${value}" is`, "m"),
    ]),
    [
      ["rfc2544", ...RUN, "--test-args", "socktype=udp", "--line-rate", "1G", "--frames", "1,53"],
      /^ipbench: --frames: none of these sizes can be made by UDP over IPv4/,
    ],
    [
      ["sweep", ...RUN, "--over", "bps=1M", "--repeat", "0"],
      /^ipbench: --repeat: "0" is no whole number from 1 up/,
    ],
    [
      ["rfc2544", ...RUN, "--test-args", "socktype=tcp", "--line-rate", "1G"],
      /socktype=tcp makes frames of any size/,
    ],
  ];
  try {
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await runProgram("ipbench", args, { cwd: folder });
      assert.deepEqual([code, stdout], [2, ""], `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, message);
    }
    assert.deepEqual([...Deno.readDirSync(folder)], [], "nothing is left behind");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
