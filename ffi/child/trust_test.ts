import assert from "node:assert/strict";
import { distrust } from "./trust.ts";

const ROOT = { owner: 0 };

Deno.test({
  name: "trust: what others own, or could write, is told; so is a folder on the way to it",
  ignore: Deno.uid() !== 0,
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const inner = `${folder}/a/b`;
    await Deno.mkdir(inner, { recursive: true });
    await Deno.writeTextFile(`${inner}/x.so`, "");
    assert.equal(distrust(`${inner}/x.so`, ROOT), null, "below a sticky folder");
    await Deno.chmod(`${folder}/a`, 0o777);
    assert.equal(distrust(inner, ROOT), `${folder}/a can be written by others`);
    await Deno.chmod(`${folder}/a`, 0o1777);
    assert.equal(distrust(inner, ROOT), null);
    assert.equal(
      distrust(`${folder}/a`, ROOT),
      `${folder}/a can be written by others`,
      "nor is its content anybody's",
    );
    await Deno.chmod(`${folder}/a`, 0o755);
    await Deno.chown(`${inner}/x.so`, 1234, 0);
    assert.equal(distrust(`${inner}/x.so`, ROOT), `${inner}/x.so belongs to user 1234`);
    assert.equal(distrust(`${inner}/x.so`, { owner: 1234 }), null);
    await Deno.symlink(`${inner}/x.so`, `${folder}/link.so`);
    assert.equal(distrust(`${folder}/link.so`, ROOT), `${inner}/x.so belongs to user 1234`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
