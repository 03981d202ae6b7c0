#!/usr/bin/env node
// ngspice 45.2 compiled to WebAssembly, behind ngspice's own command line: -b -n -r out.raw deck.cir
// It needs `npm install eecircuit-engine@1.8.0` in a folder above this file, or its module's path in NGSPICE_WASM.
// NGSPICE_OPTIONS=klu has it solve by KLU, which Debian's ngspice 39 has not; which solver it took goes to standard output.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

// The engine has no files: what .lib and .include name is put in their place, of a .lib its section. Values of HSPICE's
// that ngspice ignores are taken out, for this build of it stops there: "strtod: Invalid argument".
function included(text, folder) {
  return text.replace(/^[ \t]*\.(?:lib|include)[ \t]+["']?([^\s"']+)["']?(?:[ \t]+(\S+))?[ \t]*$/gim, (line, name, section) => {
    if (/^[ \t]*\.lib/i.test(line) && !section) return line;
    const path = resolve(folder, name), whole = readFileSync(path, "utf8").replace(/\b(?:dcap|gap[12])\s*=\s*\S+/gi, "");
    const wanted = new RegExp(`^\\.lib[ \\t]+${section}[ \\t]*$([\\s\\S]*?)^\\.endl`, "im");
    return included(section ? wanted.exec(whole)?.[1] ?? line : whole, dirname(path));
  });
}

const named = process.env.NGSPICE_WASM;
const { Simulation } = await import(named ? pathToFileURL(named).href : "eecircuit-engine");

const words = process.argv.slice(2);
const raw = words[words.indexOf("-r") + 1];
const [title, ...cards] = included(readFileSync(words.at(-1), "utf8"), ".").split("\n");
const options = process.env.NGSPICE_OPTIONS;
const deck = [title, ...(options ? [`.options ${options}`] : []), ...cards].join("\n");

const simulation = new Simulation();
await simulation.start();
simulation.setNetList(deck);
const result = await simulation.runSim();
console.log(simulation.getInfo().split("\n").filter((line) => line.startsWith("Using ")).join("\n"));
const complaints = simulation.getError();
if (complaints.length) console.error(complaints.join("\n"));
if (!result.numPoints) process.exit(1);

const columns = result.data;
const names = columns.map((column, k) => `\t${k}\t${column.name}\t${column.type}\n`).join("");
const header = `Title: ${title}\nDate: -\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: ${columns.length}\n`
  + `No. Points: ${result.numPoints}\nVariables:\n${names}Binary:\n`;
const values = new Float64Array(columns.length * result.numPoints);
columns.forEach((column, k) => column.values.forEach((value, n) => { values[n * columns.length + k] = value; }));
writeFileSync(raw, Buffer.concat([Buffer.from(header, "ascii"), Buffer.from(values.buffer)]));
process.exit(0);
