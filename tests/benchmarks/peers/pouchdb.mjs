// The peer of the exchange: PouchDB 9 replicating to express-pouchdb 4.2, LevelDB on both sides, over loopback HTTP.
// Usage: node pouchdb.mjs DOCUMENTS BATCH FOLDER   prints one JSON line: docs/s of the push and bytes at the sockets.
import { createRequire } from "node:module";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fork } from "node:child_process";

const require = createRequire(join(process.cwd(), "package.json"));
const [documents, batch, folder, role] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4], process.argv[5]];

function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function makeDocuments(count) {
  const next = random(42);
  const hex = (n) => Array.from({ length: n }, () => Math.floor(next() * 16).toString(16)).join("");
  const pick = (list) => list[Math.floor(next() * list.length)];
  return Array.from({ length: count }, (_, i) => {
    const id = `019cee2d-${(i >>> 16).toString(16).padStart(4, "0")}-7${hex(3)}-8${hex(3)}-${hex(12)}`;
    return {
      _id: id, type: "offence", officer: `officer-${i % 30}`, device: `phone-${i % 12}`,
      recorded_at: new Date(1773000000000 + i * 37000).toISOString(), tbnr: pick(["112042", "113140", "141312", "113120", "141174", "112454"]),
      plate: `MO-${hex(2).toUpperCase().replace(/[0-9]/g, "X")} ${Math.floor(next() * 9999)}`,
      vehicle: { make: pick(["VW", "Opel", "Ford"]), colour: pick(["blau", "rot", "weiß"]), kind: "Pkw" },
      clock: { offset_ms: Math.floor(next() * 900) }, place: { street: pick(["Mühlenstraße", "Neumarkt", "Meerstraße"]), house_no: String(Math.floor(next() * 120)), lat: 51.4 + next() / 10, lon: 6.6 + next() / 10, accuracy_m: 5 },
      note: "Fahrzeug ohne erkennbaren Parkschein, Windschutzscheibe einsehbar, kein Ladevorgang erkennbar, Foto folgt. " + hex(24),
      photos: [hex(16)], status: "recorded", amount_cent: pick([1000, 1500, 2000, 2500]),
    };
  });
}

if (role === "server") {
  const express = require("express");
  const PouchDB = require("pouchdb");
  const app = express();
  mkdirSync(folder, { recursive: true });
  process.chdir(folder);
  app.use("/", require("express-pouchdb")(PouchDB.defaults({ prefix: `${folder}/` }), { mode: "minimumForPouchDB" }));
  const sockets = new Set();
  const server = app.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
  server.on("connection", (socket) => sockets.add(socket));
  process.on("message", () => {
    const bytes = [...sockets].reduce((sum, socket) => sum + socket.bytesRead + socket.bytesWritten, 0);
    process.send({ bytes, cpu_s: (process.cpuUsage().user + process.cpuUsage().system) / 1e6 });
  });
} else {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const PouchDB = require("pouchdb");
  const server = fork(process.argv[1], [documents, batch, join(folder, "server"), "server"], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const { port } = await new Promise((done) => server.once("message", done));
  const warm = new PouchDB(join(folder, "warm"));
  await warm.bulkDocs(makeDocuments(documents / 10));
  await warm.replicate.to(`http://127.0.0.1:${port}/warm`, { batch_size: batch, batches_limit: 10 });
  const local = new PouchDB(join(folder, "local"));
  const all = makeDocuments(documents);
  const size = all.reduce((sum, doc) => sum + Buffer.byteLength(JSON.stringify(doc)), 0) / documents;
  for (let i = 0; i < documents; i += 1000) await local.bulkDocs(all.slice(i, i + 1000));
  server.send("count");
  const before = await new Promise((got) => server.once("message", got));
  const started = process.hrtime.bigint();
  const done = await local.replicate.to(`http://127.0.0.1:${port}/town`, { batch_size: batch, batches_limit: 10 });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  server.send("count");
  const after = await new Promise((got) => server.once("message", got));
  const bytes = after.bytes - before.bytes, cpu_s = after.cpu_s - before.cpu_s;
  server.kill("SIGKILL");
  console.log(JSON.stringify({ docs: done.docs_written, per_s: documents / seconds, bytes_per_doc: bytes / documents, mean_document_bytes: size, server_cpu_s: cpu_s }));
  process.exit(done.docs_written === documents ? 0 : 1);
}
