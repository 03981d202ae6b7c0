"use strict";
// The page: its screens by the part of the address behind #, and work that is done in slices, a few milliseconds a frame.

const SCREENS = [];
const SLICE = { moving: 5, still: 9 }; // ms of computing in a frame, so that with drawing it stays below 12
const MOST_KEPT = 4e6; // numbers in the trace of a run; more: smoother levels, more memory
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Tell the reader that something went wrong, and what. */
function failed(words) {
  const place = document.getElementById("failure");
  place.textContent = `Something went wrong: ${words}`;
  place.hidden = false;
}

/** Return whether `task` has more to do; if it fails the reader is told, and it has not. */
function attempted(task) {
  try {
    return task();
  } catch (error) {
    failed(error.message);
    return false;
  }
}

/** Runs tasks and painters frame by frame. A task is a function that does a little and returns whether more is left. */
class Work {
  constructor() {
    this.tasks = [];
    this.painter = null;
    this.longest = 0;
    this.asked = false;
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    const begun = performance.now();
    this.asked = false;
    const moving = this.painter?.(now) ?? false;
    while (this.tasks.length && performance.now() - begun < SLICE[moving ? "moving" : "still"]) {
      const task = this.tasks.find(({ patient }) => !patient) ?? this.tasks[0];
      if (!attempted(task) || task.stopped) this.tasks.splice(this.tasks.indexOf(task), 1);
    }
    this.longest = Math.max(this.longest, performance.now() - begun);
    document.documentElement.dataset.longest = this.longest.toFixed(1);
    this.count();
    if (moving || this.tasks.length) this.ask();
  }

  count() { document.documentElement.dataset.busy = this.tasks.length; }

  /** Run `simulation` to its end in slices, then call `done`; `told` is called as it goes. Returns what `stop` takes. */
  run(simulation, done, told = () => {}) {
    const task = () => {
      if (task.stopped) return false;
      if (simulation.next()) { told(simulation); return true; }
      done(simulation);
      return false;
    };
    return this.add(task);
  }

  add(task) {
    this.tasks.push(task);
    this.count();
    this.ask();
    return task;
  }

  stop(task) { if (task) task.stopped = true; }

  /** Call `painter` with the time in each frame, as long as it returns true. */
  paint(painter) {
    this.painter = painter;
    this.ask();
  }
}

class Page {
  constructor(contents, laws) {
    Object.assign(this, { contents, laws });
    this.work = new Work();
    this.made = new Map();
    this.machines = new Map();
  }

  machine(name) {
    if (!this.machines.has(name)) this.machines.set(name, new Machine(this.contents.machines[name], this.laws));
    return this.machines.get(name);
  }

  get ours() { return this.machine(this.contents.ours); }

  /** Return how many samples of an interval a run of `machine` over `steps` may keep, at most `most`. */
  samples(machine, steps, most) {
    const kept = MOST_KEPT / (steps * machine.cycle.length * machine.network.names.length);
    return Math.max(3, Math.min(most, Math.floor(kept)));
  }

  /** Return the run of the machine `name` over the page's own sequence, begun if it has not been, as { run, done }. */
  ownRun(name) {
    this.runs ??= new Map();
    if (!this.runs.has(name)) {
      const machine = this.machine(name);
      const run = new Simulation(machine.network, { tolerance: 1e-8, points: this.samples(machine, machine.steps, 40) });
      const entry = { run, done: false, waiting: [] };
      this.work.run(run, () => { entry.done = true; entry.waiting.forEach((call) => call()); }, () => entry.told?.());
      this.runs.set(name, entry);
    }
    return this.runs.get(name);
  }

  /** Show the screen that the address names, the first if it names none. */
  show() {
    const chosen = SCREENS.find(({ id }) => `#${id}` === location.hash) ?? SCREENS[0];
    this.shown?.leave?.();
    if (!this.made.has(chosen.id)) {
      const built = chosen.build(this);
      built.section = html("section", { id: `screen-${chosen.id}`, "aria-labelledby": `${chosen.id}-title`, tabindex: "-1" },
        html("h2", { id: `${chosen.id}-title` }, chosen.title), ...built.content);
      document.querySelector("main").append(built.section);
      this.made.set(chosen.id, built);
    }
    for (const [id, { section }] of this.made) section.hidden = id !== chosen.id;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === `#${chosen.id}`) { link.setAttribute("aria-current", "page"); link.scrollIntoView({ block: "nearest", inline: "center" }); }
      else link.removeAttribute("aria-current");
    }
    this.shown = this.made.get(chosen.id);
    this.work.painter = null;
    this.shown.enter?.();
    document.title = `${chosen.title} \u2013 ${this.contents.title}`;
  }
}

async function unpacked(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent.trim()), (sign) => sign.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function begin(laws) {
  addEventListener("error", ({ message }) => failed(message));
  addEventListener("unhandledrejection", ({ reason }) => failed(reason.message));
  const contents = await unpacked("contents");
  const page = new Page(contents, laws);
  document.querySelector("h1").textContent = contents.title;
  document.querySelector("nav").append(...SCREENS.map(({ id, title }) => html("a", { href: `#${id}` }, title)));
  addEventListener("hashchange", () => { page.show(); page.shown.section.focus({ preventScroll: true }); scrollTo(0, 0); });
  page.show();
  globalThis.page = page;
  document.documentElement.dataset.ready = performance.now().toFixed(0);
}
