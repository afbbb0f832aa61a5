// A second implementation of sync/README.md, in plain Node with WebCrypto: what the vectors are checked against.
// It keeps everything in memory and is no journal to use: no disk, no locks, no encryption.

import { webcrypto } from "node:crypto";

const { subtle } = webcrypto;
const utf8 = new TextEncoder();

export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const fromHex = (text) => new Uint8Array(Buffer.from(text, "hex"));
export const fromBase64url = (text) => new Uint8Array(Buffer.from(text, "base64url"));
export const sha256 = async (...parts) => new Uint8Array(await subtle.digest("SHA-256", Buffer.concat(parts)));

export class InvalidEntry extends Error {
  constructor(field) {
    super(field);
    this.field = field;
  }
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const KIND = /^[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,2}$/;
const HEX = /^[0-9a-f]{64}$/;
const RECORDED_AT = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z)\[[A-Za-z0-9_+/-]{1,40}\]$/;

const isInteger = (value, highest) => Number.isSafeInteger(value) && value >= 1 && value <= highest;

function isRecordedAt(text) {
  const instant = RECORDED_AT.exec(text)?.[1];
  if (instant === undefined || instant.startsWith("0000")) return false;
  const date = new Date(instant);
  // A day that does not exist rolls over and comes back as another.
  return !Number.isNaN(date.getTime()) && date.toISOString() === instant;
}

export function check(entry) {
  const fields = {
    seq: isInteger(entry.seq, Number.MAX_SAFE_INTEGER),
    id: ID.test(entry.id),
    kind: KIND.test(entry.kind),
    v: isInteger(entry.v, 9999),
    recorded_at: isRecordedAt(entry.recorded_at),
    media: entry.media.length <= 32,
    ...Object.fromEntries(entry.media.map((item, index) => [`media[${index}]`, HEX.test(item)])),
    commitment: HEX.test(entry.commitment),
  };
  for (const [field, isGood] of Object.entries(fields)) if (!isGood) throw new InvalidEntry(field);
}

export function checkBody(bytes) {
  let text, value;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text, (key, item) => {
      if (!key.isWellFormed() || (typeof item === "string" && !item.isWellFormed())) throw new SyntaxError();
      return item;
    });
  } catch {
    throw new InvalidEntry("body");
  }
  const isObject = typeof value === "object" && value !== null && text.startsWith("{");
  if (!isObject || bytes.length > 65_536) throw new InvalidEntry("body");
}

export const header = (e) =>
  utf8.encode(
    JSON.stringify(["streife.entry.1", e.seq, e.id, e.kind, e.v, e.recorded_at, e.media, e.commitment]),
  );
export const genesis = (source, incarnation, spkiHash) =>
  utf8.encode(JSON.stringify(["streife.journal.1", source, incarnation, spkiHash]));
export const sealInput = (source, incarnation, seq, head) =>
  utf8.encode(JSON.stringify(["streife.seal.1", source, incarnation, seq, hex(head)]));
export const enrolInput = (code, spkiHash) => utf8.encode(JSON.stringify(["streife.enrol.1", code, spkiHash]));
export const leaseInput = (source, incarnation, now) =>
  utf8.encode(JSON.stringify(["streife.lease.1", source, incarnation, now]));
export const controlInput = (source, verb, until) =>
  utf8.encode(JSON.stringify(["streife.control.1", source, verb, until]));

export async function toEntry(seq, draft, salt) {
  const media = [];
  for (const file of draft.media) media.push(hex(await sha256(salt, fromHex("00"), fromHex(file.sha256))));
  const { id, kind, v, recorded_at } = draft;
  const entry = { seq, id, kind, v, recorded_at, media, commitment: hex(await sha256(salt, utf8.encode(draft.body))) };
  check(entry);
  return entry;
}

export async function verify(spki, message, signature) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await subtle.importKey("spki", spki, algorithm, false, ["verify"]);
  return subtle.verify(algorithm, key, signature, message);
}

export class Journal {
  pulled = new Map();
  scopes = new Map();
  epoch = "";
  cursor = null;

  static async create(source, incarnation, spkiHash) {
    const journal = new Journal();
    journal.source = source;
    await journal.begin(incarnation, spkiHash);
    return journal;
  }

  async begin(incarnation, spkiHash) {
    Object.assign(this, { incarnation, entries: [], verdicts: new Map(), acks: new Map() });
    Object.assign(this, { acked: 0, durable: null, erased: 0, standing: "open", reason: "" });
    this.genesis = await sha256(genesis(this.source, incarnation, spkiHash));
  }

  get head() {
    return this.hashAt(this.entries.length);
  }

  hashAt(seq) {
    return seq === 0 ? this.genesis : this.entries[seq - 1].hash;
  }

  async append(draft, salt) {
    if (this.entries.some((item) => item.draft.id === draft.id)) return;
    checkBody(utf8.encode(draft.body));
    const entry = await toEntry(this.entries.length + 1, draft, fromBase64url(salt));
    this.entries.push({ draft, salt, entry, isErased: false, hash: await sha256(this.head, header(entry)) });
  }

  async renew(incarnation, spkiHash) {
    const carried = this.entries.slice(this.durable ?? 0).filter((item) => !item.isErased);
    await this.begin(incarnation, spkiHash);
    for (const item of carried) await this.append(item.draft, item.salt);
  }

  // Everything but the seal, which is another one each time: the text ends before `,"seal":"…"}`.
  request(app, schema, now) {
    const sent = this.standing === "open" ? this.entries.slice(this.acked, this.acked + 100) : [];
    const joins = this.joins();
    const request = {
      incarnation: this.incarnation,
      app,
      schema,
      now,
      last_seq: this.acked,
      holds: this.holds().length ? this.holds() : undefined,
      cursor: this.cursor ?? undefined,
      joins: joins.length ? joins : undefined,
    };
    if (sent.length) {
      request.prev = hex(this.hashAt(this.acked));
      request.entries = sent.map(({ draft: d, salt }, index) => ({
        seq: this.acked + 1 + index,
        id: d.id,
        kind: d.kind,
        v: d.v,
        recorded_at: d.recorded_at,
        media: d.media.map(({ sha256, size, type }) => ({ sha256, size, type })),
        salt,
        body: d.body,
      }));
    }
    const last = this.acked + sent.length;
    return { text: JSON.stringify(request), joins, sealInput: sent.length ? this.sealInput(last) : undefined };
  }

  sealInput(seq) {
    return new TextDecoder().decode(sealInput(this.source, this.incarnation, seq, this.hashAt(seq)));
  }

  settle(answer, joined) {
    if (this.epoch !== "" && this.epoch !== answer.epoch) {
      this.rewind(answer.last_seq);
      for (const scope of this.scopes.values()) this.restart(scope, null);
    }
    const acked = Math.min(Math.max(answer.last_seq, this.acked), this.entries.length);
    if (acked > this.acked) this.acks.set(acked, answer.now);
    for (const verdict of answer.verdicts) this.verdicts.set(verdict.seq, verdict);
    for (const { scope, cursor } of joined) {
      const found = this.scopes.get(scope);
      if (found?.state === "joined" && found.joined === cursor) Object.assign(found, { state: "held", joined: null });
    }
    answer.changes.forEach((change) => this.apply(change));
    answer.resets.forEach((reset) => this.reset(reset));
    Object.assign(this, { acked, durable: answer.durable_seq, epoch: answer.epoch });
    this.cursor = answer.cursor ?? this.cursor;
    if (answer.last_seq > this.entries.length) this.freeze("fork");
    this.heed(answer.stop);
  }

  heed(stop) {
    if (stop?.code === "gap") this.rewind(stop.expected - 1);
    if (stop?.code === "fork") this.freeze("fork");
    if (stop?.code === "revoked") {
      Object.assign(this, { standing: "revoked", reason: stop.reason, cursor: null });
      this.pulled.clear();
      this.scopes.clear();
    }
  }

  freeze(reason) {
    if (this.standing === "open") Object.assign(this, { standing: "frozen", reason });
  }

  rewind(seq) {
    this.acked = Math.min(this.acked, seq);
    for (const map of [this.acks, this.verdicts]) for (const key of map.keys()) if (key > seq) map.delete(key);
  }

  apply({ scope, op, type, id, rev, body }) {
    if (op === "put") return this.put({ scope, type, id, rev, body }, this.scopes.get(scope)?.mark ?? 0);
    for (const [key, row] of this.pulled) {
      if (row.type === type && row.id === id && (op !== "drop" || row.scope === scope)) this.pulled.delete(key);
    }
  }

  put(row, mark) {
    const key = JSON.stringify([row.scope, row.type, row.id]);
    const old = this.pulled.get(key);
    this.pulled.set(key, { ...(old && old.rev > row.rev ? old : row), mark });
  }

  reset({ scope, reason, types }) {
    const found = this.scopes.get(scope);
    if (reason === "closed") {
      for (const [key, row] of this.pulled) if (row.scope === scope) this.pulled.delete(key);
      this.scopes.delete(scope);
    } else if (found === undefined) {
      this.scopes.set(scope, { state: "new", types: types ?? null, after: null, joined: null, mark: 0 });
    } else if (found.state === "held" || found.state === "joined") {
      this.restart(found, types ?? null);
    }
  }

  restart(scope, types) {
    Object.assign(scope, { state: "stale", types, after: null, joined: null, mark: scope.mark + 1 });
  }

  takePage(name, page) {
    const scope = this.scopes.get(name);
    if (scope === undefined || !["new", "stale"].includes(scope.state)) return;
    for (const row of page.rows) this.put({ scope: name, ...row }, scope.mark);
    if (page.join === undefined) {
      Object.assign(scope, { state: "stale", after: page.after });
      return;
    }
    for (const [key, row] of this.pulled) {
      const isSwept = scope.types === null || scope.types.includes(row.type);
      if (row.scope === name && isSwept && row.mark !== scope.mark) this.pulled.delete(key);
    }
    Object.assign(scope, { state: "joined", types: null, after: null, joined: page.join });
  }

  horizon(now) {
    const week = new Date(Date.parse(now) - 7 * 86_400_000).toISOString();
    const old = [...this.acks].filter(([, at]) => at < week).map(([seq]) => seq);
    const limit = this.durable === null ? Math.max(0, ...old) : Math.min(this.durable, this.acked);
    this.erased = Math.max(this.erased, limit);
    for (const item of this.entries.slice(0, this.erased)) item.isErased = true;
  }

  names(...states) {
    return [...this.scopes].filter(([, scope]) => states.includes(scope.state)).map(([name]) => name).sort();
  }

  holds() {
    return this.names("stale", "joined", "held");
  }

  joins() {
    return this.names("joined").map((scope) => ({ scope, cursor: this.scopes.get(scope).joined }));
  }

  wanted() {
    return this.names("new", "stale").map((scope) => {
      const { after, types } = this.scopes.get(scope);
      return { scope, after, types };
    });
  }

  state() {
    return {
      incarnation: this.incarnation,
      head_seq: this.entries.length,
      head: hex(this.head),
      acked: this.acked,
      durable: this.durable,
      erased: this.erased,
      epoch: this.epoch,
      cursor: this.cursor,
      standing: this.standing,
      reason: this.reason,
      verdicts: [...this.verdicts.values()].sort((a, b) => a.seq - b.seq),
      bodies: this.entries.filter((item) => !item.isErased).map((item) => item.entry.seq),
      holds: this.holds(),
      wanted: this.wanted(),
      joins: this.joins(),
      pulled: [...this.pulled.keys()].sort().map((key) => {
        const { scope, type, id, rev, body } = this.pulled.get(key);
        return [scope, type, id, rev, body];
      }),
    };
  }
}
