import assert from "node:assert/strict";
import {
  authText,
  type Challenge,
  createNonce,
  createProver,
  parseAuthReply,
  secretFromFile,
  socketAddress,
} from "./auth.ts";
import { parseReply } from "../reply.ts";

const CHALLENGE: Challenge = {
  daemonNonce: "00112233445566778899aabbccddeeff",
  clientNonce: "ffeeddccbbaa99887766554433221100",
  address: "10.0.0.7:8036",
};
const secret = (text: string) => new TextEncoder().encode(text);

Deno.test("authText: the documented text", () => {
  assert.equal(
    authText("controller", CHALLENGE),
    "ipbench-auth-1|controller|00112233445566778899aabbccddeeff|ffeeddccbbaa99887766554433221100|10.0.0.7:8036",
  );
});

Deno.test("prover: an HMAC that openssl gives, too", async () => {
  // printf %s TEXT | openssl dgst -sha256 -hmac sesame
  const prover = await createProver(secret("sesame"));
  assert.equal(
    await prover.prove("controller", CHALLENGE),
    "2b2c6b6c074134931ca243462b7c01a9b9af03e33e7bd1982a4b7ab9e7ab70e6",
  );
});

Deno.test("prover: only the right role, nonces, address and secret are accepted", async () => {
  const prover = await createProver(secret("sesame"));
  const proof = await prover.prove("controller", CHALLENGE);
  assert.ok(await prover.check("controller", CHALLENGE, proof));
  assert.ok(await prover.check("controller", CHALLENGE, proof.toUpperCase()));
  assert.ok(!await prover.check("daemon", CHALLENGE, proof), "reflected");
  assert.ok(
    !await prover.check("controller", { ...CHALLENGE, daemonNonce: createNonce() }, proof),
    "replayed",
  );
  assert.ok(!await prover.check("controller", { ...CHALLENGE, clientNonce: createNonce() }, proof));
  assert.ok(
    !await prover.check("controller", { ...CHALLENGE, address: "10.0.0.8:8036" }, proof),
    "passed on",
  );
  assert.ok(!await prover.check("controller", CHALLENGE, proof.slice(0, -2)), "truncated");
  assert.ok(!await prover.check("controller", CHALLENGE, ""));
  assert.ok(!await prover.check("controller", CHALLENGE, "zz".repeat(32)));
  const other = await createProver(secret("sesamE"));
  assert.ok(!await other.check("controller", CHALLENGE, proof), "wrong secret");
  await assert.rejects(createProver(secret("")), { code: "auth" });
});

Deno.test("socketAddress: both ends write the same", () => {
  assert.equal(socketAddress("127.0.0.1", 8036), "127.0.0.1:8036");
  assert.equal(socketAddress("::ffff:127.0.0.1", 8036), "127.0.0.1:8036");
  assert.equal(socketAddress("::1", 8036), "[::1]:8036");
  assert.equal(socketAddress("FE80::1%eth0", 1), "[fe80::1]:1");
});

Deno.test("secretFromFile: an editor's line end does not count", () => {
  assert.deepEqual(secretFromFile(secret("open se same, now \r\n")), secret("open se same, now"));
  assert.throws(() => secretFromFile(secret(" \n")), { code: "auth" });
  assert.throws(() => secretFromFile(secret("fifteen bytes..\n")), /15 bytes.*--new-secret/);
  assert.equal(secretFromFile(secret("sixteen bytes...\n")).length, 16);
});

Deno.test("createNonce: 16 bytes in hexadecimal from the random source", () => {
  assert.equal(createNonce((bytes) => bytes.fill(10)), "0a".repeat(16));
  assert.notEqual(createNonce(), createNonce());
});

Deno.test("parseAuthReply: a proof, or why there is none", () => {
  assert.equal(parseAuthReply(parseReply("200 OK (proof=00ff)")), "00ff");
  for (const line of ["430 AUTHENTICATION FAILED", "200 OK", "500 SYNTAX ERROR"]) {
    assert.throws(() => parseAuthReply(parseReply(line)), { code: "auth" });
  }
});
