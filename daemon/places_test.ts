import assert from "node:assert/strict";
import { findLeaver, type Standing, type Tenant } from "./places.ts";

const PLACES = 16;

interface Named extends Tenant {
  readonly name: string;
}

let clock = 0;
function tenant(name: string, standing: Standing | null, source = name): Named {
  return { name, standing, source, lastMs: ++clock };
}

function many(count: number, standing: Standing, source?: string): Named[] {
  return Array.from({ length: count }, (_, n) => tenant(`${standing}${n}`, standing, source));
}

const leaver = (tenants: Named[], newcomer = "newcomer") =>
  findLeaver(tenants, newcomer, PLACES)?.name ?? null;

Deno.test("places: of those alike the longest silent goes, the owner of the test never", () => {
  assert.equal(leaver([tenant("owner", null), ...many(15, "new")]), "new0");
  assert.equal(leaver([tenant("owner", null)]), null);
});

Deno.test("places: who floods from one address drives out his own", () => {
  const operator = tenant("operator", "new");
  assert.equal(leaver([operator, ...many(15, "new", "flood")], "flood"), "new0");
  assert.equal(leaver([...many(15, "new", "flood"), operator]), "new0");
});

Deno.test("places: silent ones do not drive out those who talk or watch, nor those who watch or talk all others", () => {
  const others = [tenant("operator", "talking"), tenant("watcher", "watching")];
  assert.equal(leaver([...others, ...many(14, "new")]), "new0");
  assert.equal(leaver([tenant("operator", "new"), ...many(15, "watching")]), "watching0");
  assert.equal(leaver([tenant("operator", "new"), ...many(15, "talking")]), "talking0");
  assert.equal(leaver([...others, tenant("operator", "new"), ...many(13, "watching")]), "watcher");
});

Deno.test("places: a flood that does its best leaves a newcomer a part of the places' turn", () => {
  for (const flood of ["new", "talking", "waiting", "watching"] as const) {
    // All places are the flood's; then the operator comes, and the flood goes on, each one from another address.
    const tenants = many(PLACES, flood);
    const come = (next: Named): void => {
      const gone = findLeaver(tenants, next.source, PLACES);
      assert.ok(gone !== null);
      tenants.splice(tenants.indexOf(gone), 1, next);
    };
    const operator = tenant("operator", "new");
    come(operator);
    let turns = 0;
    while (tenants.includes(operator) && turns < 100) {
      const next = tenant(`flood ${turns++}`, "new");
      come(next);
      // As it may do once it is in.
      tenants.splice(tenants.indexOf(next), 1, { ...next, standing: flood });
    }
    assert.ok(turns >= PLACES / 4, `${flood}: ${turns}`);
  }
});
