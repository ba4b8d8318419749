/**
 * The list of components (software bill of materials), in SPDX 2.3's JSON form.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Target } from "../lib/target.ts";
import type { Component } from "./components.ts";
import { type Release, SUMMARY } from "./release.ts";

const RELATION = { bundled: "CONTAINS", linked: "STATIC_LINK", image: "DYNAMIC_LINK" } as const;
const COMMENT = {
  bundled: "In the programs.",
  linked: "Linked into the programs.",
  image: "In the container image; elsewhere the system's own is loaded.",
} as const;

/**
 * @param program path of the program, whose checksum it names
 * @returns the document
 */
export async function sbom(
  { version, epoch }: Release,
  target: Target,
  parts: readonly Component[],
  program: string,
): Promise<string> {
  const hex = createHash("sha256").update(await Deno.readFile(program)).digest("hex");
  const id = (i: number) => `SPDXRef-component-${i + 1}`;
  const common = { downloadLocation: "NOASSERTION", filesAnalyzed: false, copyrightText: "NOASSERTION" };
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `ipbench-${version}-${target.debian}`,
    documentNamespace: `urn:ipbench:${version}:${target.debian}:${hex}`,
    creationInfo: {
      created: new Date(epoch * 1000).toISOString().replace(".000", ""),
      creators: [`Tool: ipbench-package-${version}`],
    },
    packages: [
      {
        SPDXID: "SPDXRef-ipbench",
        name: "ipbench",
        versionInfo: version,
        summary: SUMMARY,
        primaryPackagePurpose: "APPLICATION",
        packageFileName: "usr/bin/ipbench",
        checksums: [{ algorithm: "SHA256", checksumValue: hex }],
        licenseDeclared: "MIT",
        licenseConcluded: "MIT",
        ...common,
        copyrightText: "Copyright (c) 2026 The ipbench authors",
      },
      ...parts.map(({ name, version, license, purl, checksum, place }, i) => ({
        SPDXID: id(i),
        name,
        versionInfo: version,
        licenseDeclared: license ?? "NOASSERTION",
        licenseConcluded: "NOASSERTION",
        ...common,
        ...checksum && { checksums: [{ algorithm: checksum.algorithm, checksumValue: checksum.hex }] },
        externalRefs: [{
          referenceCategory: "PACKAGE-MANAGER",
          referenceType: "purl",
          referenceLocator: purl,
        }],
        comment: COMMENT[place],
      })),
    ],
    relationships: [
      relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-ipbench"),
      ...parts.map(({ place }, i) => relation("SPDXRef-ipbench", RELATION[place], id(i))),
    ],
  };
  return JSON.stringify(document, null, 2) + "\n";
}

function relation(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}
