import assert from "node:assert/strict";
import { refusal, tokenProblem } from "./guard.ts";

const TOKEN = "0123456789abcdefXYZ";

function ask(
  host: string,
  { path = "/", token = null as string | null, headers = {}, method = "GET" } = {},
): Response | null {
  const request = new Request(`http://127.0.0.1:8080${path}`, { method, headers: { host, ...headers } });
  return refusal(request, { token, names: ["lab.example"], tls: false });
}

Deno.test("a server answers to its address and its own names, not to a name that was made to lead to it", () => {
  for (const host of ["127.0.0.1:8080", "[::1]:8080", "localhost", "192.0.2.1:80", "LAB.example:8080"]) {
    assert.equal(ask(host), null, host);
  }
  for (const host of ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[::1", "a:b:c"]) {
    assert.equal(ask(host)?.status, 421, host);
  }
});

Deno.test("over HTTP/2, where there is no header Host, the name is in the address", () => {
  const options = { token: null, names: ["lab.example"], tls: true };
  const status = (url: string) => refusal(new Request(url), options)?.status ?? null;
  assert.equal(status("https://127.0.0.1:8080/"), null);
  assert.equal(status("https://[::1]:8080/"), null);
  assert.equal(status("https://lab.example/"), null);
  assert.equal(status("https://evil.example/"), 421);
});

Deno.test("pages of others may link here, and have no work done for a picture or a frame", () => {
  const status = (site: string, dest: string) =>
    ask("127.0.0.1", { headers: { "sec-fetch-site": site, "sec-fetch-dest": dest } })?.status ?? null;
  assert.equal(status("cross-site", "document"), null);
  assert.equal(status("same-origin", "empty"), null);
  assert.equal(status("none", "document"), null);
  for (const dest of ["image", "iframe", "script", "empty"]) {
    assert.equal(status("cross-site", dest), 403, dest);
  }
});

Deno.test("pages are read and nothing else", () => {
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    assert.equal(ask("127.0.0.1", { method })?.status, 405, method);
  }
  assert.equal(ask("127.0.0.1", { path: `/?q=${"x".repeat(5000)}` })?.status, 414);
});

Deno.test("a token comes as a link once, then as a cookie, or as a header", () => {
  const token = TOKEN;
  assert.equal(ask("127.0.0.1", { token })?.status, 401);
  assert.equal(ask("127.0.0.1", { token, path: "/?token=wrong" })?.status, 401);
  const sent = ask("127.0.0.1", { token, path: `/live/a?x=1&token=${TOKEN}` })!;
  assert.deepEqual([sent.status, sent.headers.get("location")], [303, "/live/a?x=1"]);
  const away = ask("127.0.0.1", { token, path: `//evil.example/?token=${TOKEN}` })!;
  assert.equal(away.headers.get("location"), "/evil.example/");
  const cookie = sent.headers.get("set-cookie")!;
  assert.match(cookie, /; HttpOnly; SameSite=Strict$/);
  assert.equal(ask("127.0.0.1", { token, headers: { cookie: `a=b; ${cookie.split(";")[0]}` } }), null);
  assert.equal(ask("127.0.0.1", { token, headers: { authorization: `Bearer ${TOKEN}` } }), null);
  assert.equal(ask("127.0.0.1", { token, headers: { authorization: `Bearer ${TOKEN}x` } })?.status, 401);
});

Deno.test("a token is long, and fits into a link as it is", () => {
  assert.equal(tokenProblem(TOKEN), null);
  for (const token of ["", "short", "with a blank in it", `${TOKEN};`, "a".repeat(300)]) {
    assert.notEqual(tokenProblem(token), null, token);
  }
});
