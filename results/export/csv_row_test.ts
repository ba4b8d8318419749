import assert from "node:assert/strict";
import type { TargetResult } from "../document/document.ts";
import { csvHeader, csvLine, type Printed } from "./csv_row.ts";

/** The row and the header of what was printed, as the document keeps them. */
function made(client: Printed, ...targets: Printed[]): { row: string; header: string | null } {
  const parts = targets.map((target) => ({ text: target.text }) as TargetResult);
  const csv = client.text + targets.map((target) => target.text).join("");
  return { row: csvLine({ csv, targets: parts }), header: csvHeader(client, targets) };
}

const latency = (text: string): Printed => ({ test: "latency", text, names: "Sent,Median" });
const cpu = (text: string): Printed => ({ test: "cpu_target", text, names: "CPU_Use" });

Deno.test("numbers of two plugins never become one, whether or not the row ended in a comma", () => {
  const wanted = { row: "5,21,99.1", header: "Sent,Median,CPU_Use" };
  assert.deepEqual(made(latency("5,21\n"), cpu("99.1\n")), wanted);
  assert.deepEqual(made(latency("5,21,"), cpu("99.1\n")), wanted);
  assert.deepEqual(made(latency("5,21\r\n"), cpu("99.1\0")), wanted);
  assert.deepEqual(made(latency("5,21\n"), cpu("99.1"), cpu("3.5")), {
    row: "5,21,99.1,3.5",
    header: "Sent,Median,CPU_Use,CPU_Use",
  });
});

Deno.test("a header has as many names as the row has columns", () => {
  assert.deepEqual(made(latency("5,21\n"), cpu("12.3,CPU0: 10.1,CPU1: 14.5\n")), {
    row: "5,21,12.3,10.1,14.5",
    header: "Sent,Median,CPU_Use,CPU0,CPU1",
  });
  const small: Printed = { test: "cpu_target_lukem", text: ",123,456\0", names: "CPU_Use" };
  assert.deepEqual(made(latency("5,21\n"), small), {
    row: "5,21,123,456",
    header: "Sent,Median,Idle_Cycles,Total_Cycles",
  });
  const wrapper: Printed = { test: "target_wrapper", text: 'a,"b,c"\nd\n', names: null };
  assert.deepEqual(made(latency("5,21\n"), wrapper), {
    row: '5,21,a,"b,c",d',
    header: "Sent,Median,target_wrapper,target_wrapper_2,target_wrapper_3",
  });
  assert.deepEqual(made(latency("5,21\n"), { ...wrapper, text: "" }), { row: "5,21", header: "Sent,Median" });
  assert.equal(made({ ...latency("1\n"), names: null }, cpu("2")).header, null);
});

Deno.test("a comment is no part of the row", () => {
  assert.equal(made({ ...latency("# a,b\n1,2\n"), names: "a,b" }).row, "1,2");
  assert.equal(csvLine({ csv: "1,2", targets: [{ text: "never printed" } as TargetResult] }), "1,2");
});
