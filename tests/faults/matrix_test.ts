/**
 * Who fails × how × when: whatever breaks, the run ends in time, names the culprit, keeps what the others gave, and leaves
 * no process and no taken slot. `docs/faults.md` has the table.
 */
import assert from "node:assert/strict";
import { type Cell, ECHO_CELLS, faultTable, NETWORK_CELLS, PROCESS_CELLS } from "./matrix/cells.ts";
import { Station } from "./matrix/station.ts";
import { projectRoot } from "../util/mod.ts";

/** A quick run of the tests tries one cell in eleven, at moments that differ. */
const STRIDE = Deno.env.get("IPBENCH_TEST_QUICK") === "1" ? 11 : 1;

/** Cells that run at the same time, as they wait more than they work; with all of them the machine is theirs. */
const STATIONS = STRIDE === 1 ? 6 : 5;

function chosen(cells: readonly Cell[]): Cell[] {
  return cells.filter((_, index) => index % STRIDE === 0);
}

async function runMatrix(all: readonly Cell[]): Promise<void> {
  const cells = chosen(all);
  const waiting = [...cells];
  const wrong: string[] = [];
  await Promise.all(Array.from({ length: STATIONS }, async () => {
    const station = new Station();
    try {
      for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
        const fault = await station.try(cell);
        if (fault !== null) wrong.push(fault);
      }
    } finally {
      await station.close();
    }
  }));
  assert.deepEqual(wrong, [], `${wrong.length} of ${cells.length} cells are wrong:\n${wrong.join("\n")}`);
}

const OTHER_CELLS: readonly Cell[] = [...PROCESS_CELLS, ...ECHO_CELLS];
const OPTIONS = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  name: `fault matrix, network: ${chosen(NETWORK_CELLS).length} of ${NETWORK_CELLS.length} cells`,
  ...OPTIONS,
  fn: () => runMatrix(NETWORK_CELLS),
});

Deno.test({
  name: `fault matrix, processes: ${chosen(OTHER_CELLS).length} of ${OTHER_CELLS.length} cells`,
  ...OPTIONS,
  fn: () => runMatrix(OTHER_CELLS),
});

Deno.test("docs/faults.md has the table of the cells that are tried", async () => {
  const page = await Deno.readTextFile(`${projectRoot()}/docs/faults.md`);
  const plain = (text: string) => text.replaceAll(/-{3,}/g, "---").replaceAll(/ +/g, " ");
  assert.ok(plain(page).includes(plain(faultTable())), `docs/faults.md lacks:\n${faultTable()}`);
});
