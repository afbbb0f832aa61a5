// Checks the vectors of this folder with the second implementation: `node tests/golden/sync/check.mjs`.
// Prints one line for each file and ends with 1 at the first difference. Node 20 or newer, no packages.

import { deepStrictEqual as same, rejects } from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as sync from "./second.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), "ascii"));
const text = (bytes) => new TextDecoder().decode(bytes);
const named = (name, run) => {
  try {
    return run();
  } catch (error) {
    throw new Error(name, { cause: error });
  }
};

async function example() {
  const it = read("example");
  const salt = sync.fromHex(it.salt);
  const photo = sync.hex(await sync.sha256(sync.fromHex(it.photo)));
  const { seq, media, commitment, ...open } = it.entry;
  const entry = await sync.toEntry(seq, { ...open, body: it.body, media: [{ sha256: photo }] }, salt);
  same(entry, it.entry);
  same(sync.hex(await sync.sha256(sync.fromBase64url(it.spki))), it.spki_sha256);
  same(text(sync.genesis(it.source, it.incarnation, it.spki_sha256)), it.genesis);
  const first = await sync.sha256(sync.genesis(it.source, it.incarnation, it.spki_sha256));
  same(sync.hex(first), it.hash_0);
  same(text(sync.header(entry)), it.header);
  const head = await sync.sha256(first, sync.header(entry));
  same(sync.hex(head), it.hash_1);
  const input = sync.sealInput(it.source, it.incarnation, 1, head);
  same(text(input), it.seal_input);
  same(await sync.verify(sync.fromBase64url(it.spki), input, sync.fromHex(it.seal)), true);
  return 1;
}

function headers() {
  const { good, bad } = read("headers");
  for (const it of good) {
    named(it.name, () => {
      sync.check(it.entry);
      same(text(sync.header(it.entry)), it.header);
    });
  }
  for (const it of bad) named(it.name, () => same(refusal(() => sync.check(it.entry)), it.field));
  return good.length + bad.length;
}

function refusal(run) {
  try {
    run();
  } catch (error) {
    if (error instanceof sync.InvalidEntry) return error.field;
    throw error;
  }
  return undefined;
}

function bodies() {
  const { good, bad } = read("bodies");
  const whole = ({ head, fill, tail }) =>
    Buffer.concat([sync.fromHex(head), Buffer.alloc(fill, "x"), sync.fromHex(tail)]);
  for (const it of good) named(it.head, () => same(refusal(() => sync.checkBody(whole(it))), undefined));
  for (const it of bad) named(it.head, () => same(refusal(() => sync.checkBody(whole(it))), "body"));
  return good.length + bad.length;
}

async function chains() {
  const it = read("chains");
  const journal = await sync.Journal.create(it.source, it.incarnation, it.spki_sha256);
  same(sync.hex(journal.head), it.hash_0);
  for (const [index, wire] of it.entries.entries()) {
    await journal.append(wire, wire.salt);
    same(text(sync.header(journal.entries[index].entry)), it.headers[index]);
    same(sync.hex(journal.head), it.hashes[index]);
  }
  return it.entries.length;
}

async function seals() {
  const { cases, inputs } = read("seals");
  for (const it of cases) {
    const input = sync.sealInput(it.source, it.incarnation, it.seq, sync.fromHex(it.head));
    const isGood = await sync.verify(sync.fromBase64url(it.spki), input, sync.fromHex(it.seal));
    named(it.name, () => same(isGood, it.is_good));
  }
  const { enrol, lease, control } = inputs;
  same(text(sync.enrolInput(enrol.code, enrol.spki_sha256)), enrol.input);
  same(text(sync.leaseInput(lease.source, lease.incarnation, lease.now)), lease.input);
  same(text(sync.controlInput(control.source, control.do, control.until)), control.input);
  return cases.length + 3;
}

async function trace() {
  const it = read("trace");
  const journal = await sync.Journal.create(it.source, it.incarnation, it.spki_sha256);
  const steps = {
    async append({ drafts }) {
      for (const { salt, ...draft } of drafts) await journal.append(draft, salt);
    },
    exchange({ now, request, seal_input, answer }) {
      const made = journal.request(it.app, it.schema, now);
      same(made.text, request);
      same(made.sealInput, seal_input);
      journal.settle(answer, made.joins);
    },
    page: ({ scope, page }) => journal.takePage(scope, page),
    horizon: ({ now }) => journal.horizon(now),
    renew: ({ incarnation, spki_sha256 }) => journal.renew(incarnation, spki_sha256),
  };
  for (const [index, step] of it.steps.entries()) {
    await steps[step.do](step);
    named(`step ${index}: ${step.do}`, () => same(journal.state(), step.after));
  }
  return it.steps.length;
}

// The check must be able to fail: a changed vector is found.
await rejects(async () => same(await sync.sha256(sync.fromHex("00")), await sync.sha256(sync.fromHex("01"))));

for (const check of [example, headers, bodies, chains, seals, trace]) console.log(check.name, await check());
