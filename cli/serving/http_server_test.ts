import assert from "node:assert/strict";
import { MAX_CONNECTIONS } from "../../serve/limits.ts";
import { until } from "../../tests/util/mod.ts";
import { serveHttp } from "./http_server.ts";

const HERE = { host: "127.0.0.1", port: 0 };
const urlOf = ({ host, port }: { host: string; port: number }, path = "/") => `http://${host}:${port}${path}`;

/** What a server says to these bytes until it closes the connection. */
async function say(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text();
}

Deno.test("a stranger's connections are limited, go when nothing is asked, and do not end the server", async () => {
  const server = await serveHttp(HERE, null, async () => await Promise.resolve(new Response("here\n")));
  const { port } = server.address;
  const others: Deno.TcpConn[] = [];
  let gone = 0;
  try {
    for (let i = 0; i < MAX_CONNECTIONS + 50; i++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      others.push(connection);
      // Half of them begin a request and never end it.
      if (i % 2 === 0) {
        await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nX")).catch(() => {});
      }
      connection.read(new Uint8Array(64)).catch(() => null).then(() => gone++);
    }
    await until("those beyond the limit to be closed", 60_000, () => gone >= 50 ? true : undefined);
    await until("the others to be closed, too", 60_000, () => gone === others.length ? true : undefined);
    assert.equal(await (await fetch(urlOf(server.address))).text(), "here\n");
  } finally {
    for (const connection of others) connection.close();
    await server.close();
  }
});

Deno.test("requests come whole, answers to HEAD have no body, and what is no request is refused", async () => {
  const seen: string[] = [];
  const server = await serveHttp(HERE, null, async (request) => {
    seen.push(`${request.method} ${new URL(request.url).pathname} ${request.headers.get("x-one")}`);
    return await Promise.resolve(new Response("body", { status: 404, headers: { "x-two": "2" } }));
  });
  const { port } = server.address;
  try {
    const answer = await fetch(urlOf(server.address, "/a?b=c"), { headers: { "x-one": "1" } });
    assert.deepEqual([answer.status, answer.headers.get("x-two"), await answer.text()], [404, "2", "body"]);
    const head = await say(port, "HEAD /h HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert.match(head, /^HTTP\/1\.1 404 [\s\S]*\r\n\r\n$/);
    const post = await say(port, "POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nGET /");
    assert.match(post, /^HTTP\/1\.1 404 [\s\S]*body/);
    assert.match(
      await say(port, "GET http://elsewhere/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
      /^HTTP\/1\.1 400 /,
    );
    assert.match(await say(port, "\x16\x03\x01 nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.deepEqual(seen, ["GET /a 1", "HEAD /h null", "POST /p null"]);
  } finally {
    await server.close();
  }
});

Deno.test("a reader that goes or takes nothing ends the body that it is sent", async () => {
  let ends = 0;
  const server = await serveHttp(HERE, null, async (request) => {
    const isEndless = new URL(request.url).pathname === "/endless";
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(65_536));
        // As the events of a run do when their reader takes nothing.
        if (!isEndless) setTimeout(() => controller.error(new Error("too slow")), 500);
      },
      cancel() {
        ends++;
      },
    }, { highWaterMark: 0 });
    return await Promise.resolve(new Response(body));
  });
  try {
    const reader = (await fetch(urlOf(server.address, "/endless"))).body!.getReader();
    await reader.read();
    await reader.cancel();
    await until("the body to be cancelled", 30_000, () => ends === 1 ? true : undefined);
    const failing = await fetch(urlOf(server.address, "/fails"));
    await assert.rejects(failing.arrayBuffer());
  } finally {
    await server.close();
  }
});
