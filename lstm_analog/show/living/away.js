"use strict";
// Screen 7: files to take away: network files, the netlist, the list of tubes, and the Python lines.

/** Return the tubes in the graph of `machine` as a table of comma-separated values. */
function cutList(machine) {
  const rows = machine.graph.edges.filter(({ bore }) => bore !== undefined).map(({ label, source, target, bore, length, count, conductance }) =>
    [label, source, target, (1e3 * bore).toPrecision(4), (1e3 * length).toPrecision(5), count ?? 1, conductance]);
  return [["part", "from", "to", "bore (mm)", "length (mm)", "tubes", "conductance (m3/(s Pa))"], ...rows].map((row) => row.join(",")).join("\n") + "\n";
}

SCREENS.push({ id: "away", title: "Take away", build(page) {
  const { contents } = page, name = contents.name, python = contents.python;
  const plumbing = page.machine("plumbing"), tubes = plumbing.graph.edges.filter(({ bore }) => bore !== undefined).length;
  const file = (label, ending, text, kind, words) => ({ label, words, size: `${Math.ceil(text.length / 1024)} kB`, give() {
    const link = html("a", { href: URL.createObjectURL(new Blob([text], { type: kind })), download: `${name}${ending}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
  } });
  const files = [
    file("network of the plumbing", "_plumbing.json", contents.machines.plumbing.file, "application/json", "nodes, parts, formulas and the clock: what this page integrates, and export.read_json reads"),
    file("network of the circuit", "_circuit.json", contents.machines.circuit.file, "application/json", "the same of the circuit"),
    file("SPICE netlist of the circuit", ".cir", contents.netlist, "text/plain", "driven by the sequence of this page, for ngspice"),
    ...(tubes ? [file("cut list of the tubes", "_tubes.csv", cutList(plumbing), "text/csv", `${tubes} rows: bore, length, from, to`)] : []),
    file("Python lines", ".py", python, "text/x-python", "what made this page"),
  ];
  return { content: [html("p", { class: "lead" }, "All that is needed to build it, or to compute it elsewhere, is in this page."),
    html("div", { class: "panel scroll" }, html("table", { class: "files" }, html("caption", {}, "Files"), html("tbody", {}, ...files.map(({ label, words, size, give }) =>
      html("tr", {}, html("th", { scope: "row" }, html("button", { type: "button", onclick: give }, label)), html("td", {}, size), html("td", { class: "words" }, words)))))),
    html("h3", {}, "The Python lines that made this page"), html("pre", { class: "panel", tabindex: 0 }, python)] };
} });
