import assert from "node:assert/strict";
import process from "node:process";
import { MAX_CONNECTIONS, READER_STALL_MS, WATCH_MS } from "../../serve/limits.ts";
import { sleep, until } from "../../tests/util/mod.ts";
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

Deno.test("the body of one who goes before it is there is not begun", async () => {
  const asked = Promise.withResolvers<void>(), gone = Promise.withResolvers<void>();
  let pulls = 0, ends = 0;
  const server = await serveHttp(HERE, null, async () => {
    asked.resolve();
    await gone.promise;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls++;
        controller.enqueue(new Uint8Array(10));
      },
      cancel() {
        ends++;
      },
    }, { highWaterMark: 0 });
    return new Response(body);
  });
  try {
    const { hostname, port } = new URL(urlOf(server.address, "/"));
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await asked.promise;
    connection.close();
    const own = `:${Number(port).toString(16).toUpperCase().padStart(4, "0")} `;
    await until("the server to close its end", 30_000, () => {
      const sockets = Deno.readTextFileSync("/proc/net/tcp").split("\n").slice(1).map((line) => line.trim());
      return sockets.filter((line) => line.slice(line.indexOf(" ")).startsWith(" 0100007F" + own)).length ===
        1;
    });
    await sleep(50); // its server knows by then what it has done
    gone.resolve();
    await until("the body to be cancelled", 5_000, () => ends === 1 ? true : undefined);
    assert.equal(pulls, 0);
  } finally {
    await server.close();
  }
});

Deno.test("a body that fails while its reader waits ends that connection and nothing else", async () => {
  const server = await serveHttp(HERE, null, async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(10));
        setTimeout(() => controller.error(new Error("it cannot go on")), 200);
      },
    });
    return await Promise.resolve(new Response(body));
  });
  try {
    for (let n = 0; n < 2; n++) {
      const failing = await fetch(urlOf(server.address, "/"));
      await assert.rejects(failing.arrayBuffer());
    }
  } finally {
    await server.close();
  }
});

Deno.test("a reader that takes nothing of a long page is cut off, and one that takes it slowly is not", async () => {
  const bytes = 64 << 20;
  const warnings: string[] = [];
  const warn = (warning: Error) => void warnings.push(warning.message);
  process.on("warning", warn);
  const server = await serveHttp(
    HERE,
    null,
    async () => await Promise.resolve(new Response(new Uint8Array(bytes))),
  );
  const { port } = server.address;
  const ask = async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    return connection;
  };
  const readUntil = async (connection: Deno.TcpConn, wanted: number, pauseMs: number) => {
    const buffer = new Uint8Array(1 << 20);
    let got = 0;
    while (got < wanted) {
      const count = await connection.read(buffer).catch(() => null);
      if (count === null) break;
      got += count;
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return got;
  };
  try {
    using silent = await ask();
    using slow = await ask();
    const begin = performance.now();
    const taken = readUntil(slow, 8 << 20, 300);
    await new Promise((resolve) => setTimeout(resolve, READER_STALL_MS + 5_000));
    const got = await readUntil(silent, bytes, 0);
    assert.ok(got < bytes, `${got} bytes came to one that took none for ${performance.now() - begin} ms`);
    assert.ok(await taken >= 8 << 20, "the slow one");
    // Such as of listeners that are left behind, one more each time that a reader is waited for.
    assert.deepEqual(warnings, []);
  } finally {
    process.off("warning", warn);
    await server.close();
  }
});

Deno.test("a server that is full is not taken for one that accepts nothing any more", async () => {
  const server = await serveHttp(HERE, null, async () => await Promise.resolve(new Response("here\n")), 4);
  const others: Deno.TcpConn[] = [];
  try {
    // What is full accepts all the same, and closes: the server is not taken for one that has ended.
    for (let n = 0; n < 8; n++) {
      others.push(await Deno.connect({ hostname: "127.0.0.1", port: server.address.port }));
    }
    const kept = others[0]!;
    await kept.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert.ok((await kept.read(new Uint8Array(1024)))! > 0);
    let isOpen = true;
    const closed = kept.read(new Uint8Array(16)).catch(() => null).then(() => isOpen = false);
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS + 1_000));
    assert.ok(isOpen, "a connection was closed by a server that was taken for dead");
    for (const connection of others.splice(0)) connection.close();
    await closed;
    await until("an answer", 30_000, async () => {
      const answer = await fetch(urlOf(server.address)).then((response) => response.text(), () => "");
      return answer === "here\n" ? true : undefined;
    });
  } finally {
    for (const connection of others) connection.close();
    await server.close();
  }
});
