import assert from "node:assert/strict";
import { notFound } from "./search.ts";

Deno.test("a test that is not there is named, with what was refused and what it needs", () => {
  assert.equal(notFound("x", "client", null, []).message, "Can not find plugin: x");
  assert.equal(
    notFound("x", "client", null, ["a", "b", "c", "d"]).message,
    "Can not find plugin: x; a; b; c",
    "bounded",
  );
  assert.equal(
    notFound("nfs_latency", "client", null, ["embedded cannot be opened: libnfs.so.13"]).message,
    "Can not find plugin: nfs_latency; embedded cannot be opened: libnfs.so.13; nfs_latency needs libnfs, " +
      "Debian's package libnfs-dev, on this machine and where ipbench was built",
  );
  assert.match(notFound("x", "client", { side: "target" }, []).message, /x is a target test/);
});
