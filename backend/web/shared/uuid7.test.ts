import { expect, test } from "vitest";
import { uuid7 } from "./uuid7.ts";

test("an id carries its instant, version 7 and the variant of the RFC", () => {
  const all = new Uint8Array(10).fill(0xff);
  expect(uuid7(0x017f22e279b0, all)).toBe("017f22e2-79b0-7fff-bfff-ffffffffffff");
  expect(uuid7(0x017f22e279b0, new Uint8Array(10))).toBe("017f22e2-79b0-7000-8000-000000000000");
});

test("ids of later instants sort behind", () => {
  expect(uuid7(1_000) < uuid7(1_001)).toBe(true);
});
