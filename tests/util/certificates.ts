/**
 * Certificates for a test, made by openssl.
 *
 * @module
 */

async function openssl(cwd: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command("openssl", { args, cwd, stdout: "null", stderr: "piped" })
    .output();
  if (code !== 0) throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Whether certificates can be made here. */
export function hasOpenssl(): boolean {
  try {
    return new Deno.Command("openssl", { args: ["version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/**
 * Makes certificates for clients, beside those of {@linkcode makeCertificates}: of `ca.pem` a good one (`client.pem`), one
 * for servers only (`server-only.pem`), one that has expired (`client-expired.pem`) and one in the first version of the
 * format (`client-v1.pem`), which has no purposes; of `other.pem` `stranger.pem`; all with `client.key`. `foreign.pem` is a
 * daemon's certificate of `other.pem`, with `key.pem`.
 *
 * @param dir Where the others are.
 */
export async function makeClientCertificates(dir: string): Promise<void> {
  const purpose = (use: string) => `basicConstraints=CA:FALSE\nextendedKeyUsage=${use}\n`;
  await Deno.writeTextFile(`${dir}/client.ext`, purpose("clientAuth"));
  await Deno.writeTextFile(`${dir}/server.ext`, purpose("serverAuth"));
  const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "client.key", "-out", "client.req"];
  await openssl(dir, "req", ...key, "-subj", "/CN=a controller");
  const sign = async (ca: string, request: string, extensions: string | null, out: string) => {
    const signer = ["-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-CAcreateserial", "-days", "2"];
    const extra = extensions === null ? [] : ["-extfile", extensions];
    await openssl(dir, "x509", "-req", "-in", request, ...signer, ...extra, "-out", out);
  };
  await sign("ca", "client.req", "client.ext", "client.pem");
  await sign("ca", "client.req", "server.ext", "server-only.pem");
  await sign("ca", "client.req", null, "client-v1.pem");
  await sign("other", "client.req", "client.ext", "stranger.pem");
  await sign("other", "req.pem", "ext", "foreign.pem");
  await openssl(dir, ...EXPIRED, "-in", "client.req", "-extfile", "client.ext", "-out", "client-expired.pem");
}

/** Only `openssl ca` makes a certificate of the past. */
const EXPIRED = [
  ...["ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-notext"],
  ...["-startdate", "200101000000Z", "-enddate", "200102000000Z"],
];

/**
 * Makes two certification authorities (`ca.pem`, `other.pem`), and of the first a good certificate (`cert.pem`) and one
 * that has expired (`expired.pem`), both for localhost and with `key.pem`.
 *
 * @param dir Where.
 */
export async function makeCertificates(dir: string): Promise<void> {
  for (const ca of ["ca", "other"]) {
    await openssl(
      dir,
      ...[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        `${ca}.key`,
        "-out",
        `${ca}.pem`,
        "-days",
        "2",
      ],
      ...["-subj", `/CN=ipbench test ${ca}`, "-addext", "basicConstraints=critical,CA:TRUE"],
    );
  }
  await Deno.writeTextFile(
    `${dir}/ext`,
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
  );
  await openssl(
    dir,
    ...[
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      "key.pem",
      "-out",
      "req.pem",
      "-subj",
      "/CN=localhost",
    ],
  );
  const sign = ["x509", "-req", "-in", "req.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
  await openssl(dir, ...sign, "-extfile", "ext", "-days", "2", "-out", "cert.pem");
  await Deno.writeTextFile(`${dir}/index`, "");
  await Deno.writeTextFile(
    `${dir}/ca.conf`,
    "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n" +
      "[p]\ncommonName=supplied\n",
  );
  await openssl(
    dir,
    ...[...EXPIRED, "-in", "req.pem", "-extfile", "ext", "-out", "expired.pem"],
  );
}
