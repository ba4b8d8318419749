/**
 * Tests that need what a machine may lack, when ipbench is built and when the test runs.
 *
 * @module
 */

import type { Side } from "./plugin_info.ts";

/** A test that a build may lack. */
export interface NeedyTest {
  name: string;
  side: Side;
  /** What it takes, and where. */
  needs: string;
}

/** All of them. */
export const NEEDY_TESTS: readonly NeedyTest[] = [{
  name: "nfs_latency",
  side: "client",
  needs: "libnfs, Debian's package libnfs-dev, on this machine and where ipbench was built",
}, {
  name: "http",
  side: "client",
  needs: "http_parser, Debian's package libhttp-parser-dev, where ipbench was built",
}];
