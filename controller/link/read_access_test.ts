import assert from "node:assert/strict";
import { LIMITS } from "../limits.ts";
import { readAccess } from "./read_access.ts";

const VARIABLES = ["DENO_TLS_CA_STORE", "DENO_CERT", "NODE_EXTRA_CA_CERTS"] as const;

/** Reads with these variables, and puts back those that were there. */
async function readWith(variables: Partial<Record<typeof VARIABLES[number], string>>, ca: string | null) {
  const before = VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  try {
    for (const name of VARIABLES) set(name, variables[name]);
    return await readAccess({ secretFile: null, tls: { ca } }, LIMITS);
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

Deno.test("one authority is trusted only where the runtime trusts no other", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "-----BEGIN CERTIFICATE-----\n");
    const alone = await readWith({ DENO_TLS_CA_STORE: "" }, file);
    assert.equal(alone.tls?.caCerts.length, 1);
    for (
      const variables of [
        {},
        { DENO_TLS_CA_STORE: "system" },
        { DENO_TLS_CA_STORE: "", DENO_CERT: file },
        { DENO_TLS_CA_STORE: "", NODE_EXTRA_CA_CERTS: file },
      ]
    ) {
      await assert.rejects(
        readWith(variables, file),
        /and no other authority: start Deno with DENO_TLS_CA_STORE=/,
      );
    }
    assert.deepEqual((await readWith({}, null)).tls, { caCerts: [] });
  } finally {
    await Deno.remove(file);
  }
});
