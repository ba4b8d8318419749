/** The service's unit: what it grants, as systemd itself judges it. */
import assert from "node:assert/strict";
import { isInstalled, projectRoot } from "../util/mod.ts";

/** The most exposure that the unit may have, on systemd's scale of 10. */
const MOST_EXPOSURE = 2.0;
const UNIT = `${projectRoot()}/packaging/ipbenchd.service`;

Deno.test({ name: "the unit's exposure", ignore: !isInstalled("systemd-analyze") }, async () => {
  const { stdout } = await new Deno.Command("systemd-analyze", {
    args: ["security", "--offline=yes", "--no-pager", UNIT],
    stdout: "piped",
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const exposure = Number(/Overall exposure level for .*: ([0-9.]+)/.exec(text)?.[1]);
  assert.ok(exposure <= MOST_EXPOSURE, text);
  const unit = await Deno.readTextFile(UNIT);
  for (const limit of ["MemoryMax", "TasksMax"]) assert.match(unit, new RegExp(`^${limit}=`, "m"));
});
