/**
 * The layouts in `ffi/structs.ts` against what the C compiler makes of the headers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeFrame } from "../../ffi/frame.ts";
import * as structs from "../../ffi/structs.ts";
import { PROGRESS_BYTES } from "../../ffi/plugin_info.ts";

import { INTERFACE_MAJOR, INTERFACE_MINOR } from "../../ffi/self/version.ts";
import { projectRoot } from "../util/mod.ts";

/** Names of C: structure, and fields where they differ from ours. */
const STRUCTS: [keyof typeof structs, string, Record<string, string>][] = [
  ["CLIENT_DATA", "struct client_data", { length: "size" }],
  ["PLUGIN", "struct ipbench_plugin", {}],
  ["OPTION", "struct ipbench_option", {}],
  ["METRIC", "struct ipbench_metric", {}],
  ["EXT", "struct ipbench_plugin_ext", { size_field: "size" }],
  ["HOST", "struct ipbench_host", { size_field: "size" }],
  ["HOST_START", "struct ipbench_host_start", {}],
  ["TIMEVAL", "struct timeval", { sec: "tv_sec", usec: "tv_usec" }],
];

Deno.test("structs: every offset and size is the C compiler's", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const lines = STRUCTS.flatMap(([ours, name, renamed]) =>
      Object.keys(structs[ours]).map((field) =>
        field === "size"
          ? `printf("${ours}.size %zu\\n", sizeof(${name}));`
          : `printf("${ours}.${field} %zu\\n", offsetof(${name}, ${renamed[field] ?? field}));`
      )
    );
    const source = `#include "plugin.h"\n#include "libipbench.h"\n#include <stdio.h>\nint main(void) {\n${
      lines.join("\n")
    }\n
      printf("progress %zu\\n", sizeof(struct ipbench_progress));
      printf("interface %u %u\\n", IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR);
      printf("start %u %u %u\\n", IPBENCH_HOST_ARMED, IPBENCH_HOST_START_MAGIC, IPBENCH_HOST_PREFIX_BYTES);
      return 0; }\n`;
    await Deno.writeTextFile(`${folder}/offsets.c`, source);
    const includes = ["-I", `${projectRoot()}/tests_c/include`, "-I", `${projectRoot()}/tests_c/libipbench`];
    const args = [...includes, "-D_GNU_SOURCE", "-o", `${folder}/offsets`, `${folder}/offsets.c`];
    const compiled = await new Deno.Command("gcc", { args }).output();
    assert.ok(compiled.success, new TextDecoder().decode(compiled.stderr));
    const printed = new TextDecoder().decode((await new Deno.Command(`${folder}/offsets`).output()).stdout);
    const ours = STRUCTS.flatMap(([name]) =>
      Object.entries(structs[name]).map(([field, value]) => `${name}.${field} ${value}`)
    );
    ours.push(`progress ${PROGRESS_BYTES}`, `interface ${INTERFACE_MAJOR} ${INTERFACE_MINOR}`);
    const start = encodeFrame({ call: "start" });
    const prefix = new DataView(start.buffer);
    ours.push(`start ${structs.ARMED} ${prefix.getUint32(0)} ${start.length - prefix.getUint32(4)}`);
    assert.deepEqual(printed.trim().split("\n"), ours);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
