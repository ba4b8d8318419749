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
  // Only `openssl ca` makes a certificate of the past.
  await Deno.writeTextFile(`${dir}/index`, "");
  await Deno.writeTextFile(
    `${dir}/ca.conf`,
    "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n" +
      "[p]\ncommonName=supplied\n",
  );
  await openssl(
    dir,
    ...[
      "ca",
      "-batch",
      "-config",
      "ca.conf",
      "-cert",
      "ca.pem",
      "-keyfile",
      "ca.key",
      "-in",
      "req.pem",
      "-notext",
    ],
    ...["-extfile", "ext", "-startdate", "200101000000Z", "-enddate", "200102000000Z", "-out", "expired.pem"],
  );
}
