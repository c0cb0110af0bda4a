"use strict";
/* The chain browser. Texts from models and files only ever become text nodes. */
(() => {
  const { texts, sets, scale } = JSON.parse(document.getElementById("data").textContent);
  const browser = document.getElementById("browser");
  const form = browser.querySelector("form");
  const list = browser.querySelector(".problems");
  const more = browser.querySelector(".more");
  const count = browser.querySelector(".count");
  const now = browser.querySelector(".now"); /* for those who hear the page */
  const article = browser.querySelector(".problem");
  const THIRDS = ["early", "middle", "late"];
  const PAGE = 60; /* problems listed at once */
  const LONGEST_DIFF = 400; /* words; longer texts are compared at their ends only */

  /* --- data: arrays of the page (see chains.py) as objects --- */

  const readVariant = (made, before, differs) => {
    if (!made) return null;
    if (made.length === 1) return { reason: texts[made[0]] };
    const [effect, less, logprob, start, end, middle, other, otherLogprob] = made;
    const after = before.slice(0, start) + texts[middle] + (end ? before.slice(-end) : "");
    return {
      after, logprob, effect: effect ?? NaN, shown: (differs ? less : effect) ?? NaN,
      other: other === undefined ? "" : texts[other], otherLogprob,
    };
  };

  const readChain = (made, set) => {
    if (!made) return null;
    const [question, answer, solved, leftOut, clean, greedy, length, pieces, steps, told, prompt] = made;
    return {
      question: texts[question], answer: texts[answer], leftOut: texts[leftOut],
      told: told === undefined || told === null ? "" : texts[told], prompt,
      solved: solved ?? greedy, known: solved !== null, clean, greedy, length,
      pieces: pieces.map((k) => texts[k]),
      steps: steps.map(([index, label, statesAnswer, third, variants, core, truth], place) => {
        const before = texts[pieces[2 * place + 1]];
        const read = variants.map((v, k) => readVariant(v, before, set.less[k]));
        return { index, label, statesAnswer, third, core: core ?? undefined, truth, before, variants: read };
      }),
    };
  };

  /* the whole prompt of an intervention: what is as in the clean one, and what is changed */
  const readPrompt = (chain, place, k) => {
    const [parts, changes] = chain.prompt || [];
    const made = parts && changes[place] && changes[place][k];
    if (!made) return null;
    const clean = parts.map((n) => (n === -1 ? chain.question : n === -2 ? chain.pieces.join("") : texts[n])).join("");
    const shown = [];
    let at = 0;
    for (let i = 0; i < made.length; i += 3) {
      shown.push([0, clean.slice(at, made[i])], [1, texts[made[i + 2]]]);
      at = made[i + 1];
    }
    return [...shown, [0, clean.slice(at)]].filter(([, text]) => text !== "");
  };

  for (const set of sets) {
    set.problems = set.problems.map(([number, id, ...chains]) => {
      const read = new Array(chains.length);
      return {
        number, id,
        chain(model) {
          if (read[model] === undefined) read[model] = readChain(chains[model], set);
          return read[model];
        },
      };
    });
  }

  /* the effect that colours a step: less the control's where it was run */
  const effectOf = (step, intervention) => {
    const v = step.variants[intervention];
    return !v || v.reason ? NaN : v.shown;
  };
  const known = (chain, intervention) =>
    chain ? chain.steps.map((s) => effectOf(s, intervention)).filter((x) => !Number.isNaN(x)) : [];
  const colour = (effect) => {
    if (Number.isNaN(effect)) return "na";
    const below = scale.filter((edge) => edge < 0).length;
    const k = scale.filter((edge) => effect >= edge).length;
    return k < below ? `n${below - k}` : `p${k - below}`;
  };
  const signed = (x, digits = 2) => {
    if (x === null || Number.isNaN(x)) return "–";
    const told = Math.abs(x).toFixed(digits);
    if (Number(told) === 0) return told;
    return (x < 0 ? "\u2212" : "+") + told;
  };

  /* --- chains as they are read, which no model has scored --- */

  const isRead = (set) => set.setting === "read";
  const thing = (set) => (isRead(set) ? "chain" : "problem");
  const shade = (set, step) => {
    if (!isRead(set)) return colour(effectOf(step, intervention()));
    const v = step.variants[intervention()];
    return v && !v.reason ? "p0" : "na";
  };

  /* --- elements --- */

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") made.className = value;
      else if (value !== null) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  };
  const hiddenText = (text) => element("span", { class: "out-of-sight" }, text);

  /* --- state --- */

  const state = { set: sets[0], threshold: sets[0] ? sets[0].threshold : 1, found: [], listed: 0, problem: null, open: null, rows: new Map() };
  const field = (name) => form.elements.namedItem(name);
  const models = () => [field("first"), field("second")].map((f) => f.value).filter((v) => v !== "").map(Number);
  const intervention = () => Number(field("intervention").value);

  const fill = (name, options, hide) => {
    const select = field(name);
    select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
    select.closest("label").hidden = hide;
  };

  const chooseSet = (set) => {
    state.set = set;
    state.threshold = set.threshold;
    const named = set.models.map((model, k) => [String(k), model]);
    fill("first", named, named.length < 2);
    fill("second", [["", "nothing"], ...named], named.length < 2);
    if (named.length === 2) field("second").value = "1";
    const { intervention: first } = usual(set);
    fill("intervention", set.interventions.map((name, k) => [String(k), name]), isRead(set));
    field("intervention").value = first;
    state.problem = null;
  };

  /* --- which problems --- */

  const searched = (chain) => {
    if (chain.searched === undefined) {
      const changed = chain.steps.flatMap((s) => s.variants.map((v) => (v && v.after) || ""));
      chain.searched = [chain.question, chain.answer, ...chain.pieces, ...changed].join("\n").toLowerCase();
    }
    return chain.searched;
  };

  const matches = (problem) => {
    const [chain, ...others] = models().map((m) => problem.chain(m));
    const all = [chain, ...others].filter(Boolean);
    const solved = field("solved").value;
    if (solved !== "" && !(chain && String(chain.solved) === solved)) return false;
    const third = field("third").value;
    const from = field("from").valueAsNumber;
    const to = field("to").valueAsNumber;
    if (third !== "" || !Number.isNaN(from) || !Number.isNaN(to)) {
      const fits = (step) => {
        const effect = effectOf(step, intervention());
        return !Number.isNaN(effect) && (third === "" || step.third === Number(third))
          && !(effect < from) && !(effect > to);
      };
      if (!chain || !chain.steps.some(fits)) return false;
    }
    const words = field("search").value.trim().toLowerCase();
    return words === "" || problem.id.toLowerCase().includes(words) || all.some((c) => searched(c).includes(words));
  };

  const sorted = (problems) => {
    const by = field("sort").value;
    if (by === "number") return problems;
    const value = (problem) => {
      const chain = problem.chain(models()[0]);
      if (by === "steps") return chain ? chain.length : 0;
      const effects = known(chain, intervention());
      if (!effects.length) return -Infinity;
      return by === "largest" ? Math.max(...effects) : effects.reduce((a, b) => a + b) / effects.length;
    };
    const values = new Map(problems.map((p) => [p, value(p)]));
    return [...problems].sort((a, b) => values.get(b) - values.get(a) || a.number - b.number);
  };

  /* --- the list --- */

  const strip = (chain) => {
    const cells = chain ? chain.steps.map((s) => element("i", { class: `fx ${shade(state.set, s)}` })) : [];
    return element("span", { class: "strip", "aria-hidden": "true" }, ...cells);
  };

  const item = (problem) => {
    const chains = models().map((m) => problem.chain(m));
    const chain = chains.find(Boolean);
    const question = chain ? chain.question : "";
    const button = element("button", { type: "button", "data-number": problem.number },
      element("span", { class: "number" }, String(problem.number)),
      element("span", { class: "question" }, question.length > 90 ? `${question.slice(0, 90)}…` : question),
      ...chains.map(strip));
    return element("li", {}, button);
  };

  const list_more = () => {
    const next = state.found.slice(state.listed, state.listed + PAGE);
    list.append(...next.map(item));
    state.listed += next.length;
    more.hidden = state.listed >= state.found.length;
  };

  const mark = () => {
    for (const button of list.querySelectorAll("button")) {
      const current = state.problem !== null && Number(button.dataset.number) === state.problem.number;
      if (current) {
        button.setAttribute("aria-current", "true");
        const top = button.offsetTop - list.offsetTop;
        if (top < list.scrollTop || top + button.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - 40;
      } else button.removeAttribute("aria-current");
    }
  };

  const update = () => {
    state.found = sorted(state.set.problems.filter(matches));
    state.listed = 0;
    list.replaceChildren();
    list_more();
    count.textContent = `${state.found.length.toLocaleString("en")} of ${state.set.problems.length.toLocaleString("en")} ${thing(state.set)}s`;
    if (!state.found.includes(state.problem)) state.problem = state.found[0] || null;
    show();
  };

  /* --- one problem --- */

  const words_of = (text) => text.match(/[\p{L}\p{N}]+|\s+|[^\p{L}\p{N}\s]/gu) || [];

  /* longest common subsequence of words; marks what was taken away and what was put in */
  const differences = (before, after) => {
    const a = words_of(before);
    const b = words_of(after);
    if (a.length > LONGEST_DIFF || b.length > LONGEST_DIFF) return [before === after ? [[0, before]] : [[1, before]], before === after ? [[0, after]] : [[1, after]]];
    const best = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        best[i][j] = a[i] === b[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
      }
    }
    const left = [];
    const right = [];
    const add = (side, changed, word) => {
      const last = side[side.length - 1];
      if (last && last[0] === changed) last[1] += word;
      else side.push([changed, word]);
    };
    let i = 0;
    let j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { add(left, 0, a[i++]); add(right, 0, b[j++]); }
      else if (j >= b.length || (i < a.length && best[i + 1][j] >= best[i][j + 1])) add(left, 1, a[i++]);
      else add(right, 1, b[j++]);
    }
    return [left, right];
  };

  const marked = (parts, name) =>
    parts.map(([changed, text]) => (changed ? element(name, {}, text) : document.createTextNode(text)));

  const fact = (name, value) => element("div", {}, element("dt", {}, name), element("dd", {}, value));

  const variantView = (set, k, step, chain) => {
    const v = step.variants[k];
    if (!v) return null;
    const head = element("h4", {}, set.interventions[k], set.words[k] ? element("span", { class: "does" }, ` ${set.words[k]}`) : null);
    if (v.reason) return element("div", { class: "variant" }, head, element("p", { class: "reason" }, `Not applicable: ${v.reason}.`));
    const [before, after] = differences(step.before, v.after);
    const chip = (name, x) => element("div", { class: "effect" }, element("dt", {}, name), element("dd", { class: `fx ${colour(x)}` }, signed(x)));
    const facts = isRead(set) ? [] : [
      chip(set.less[k] ? "raw effect" : "effect", v.effect),
      set.less[k] ? chip("less control", v.shown) : null,
      set.draws[k] > 1 ? fact("draws", `the mean of ${set.draws[k]}; the first is shown`) : null,
      fact("log p(answer)", `${signed(chain.clean, 3)} → ${signed(v.logprob, 3)}`),
      v.other ? fact("answer it now leads to", `${v.other}, log p ${signed(v.otherLogprob, 3)}`) : null,
    ];
    return element("div", { class: "variant" }, head,
      element("dl", { class: "texts" },
        element("dt", {}, "before"), element("dd", { class: "before" }, ...marked(before, "del")),
        element("dt", {}, "after"), v.after === "" ? element("dd", { class: "after gone" }, "nothing stands here") : element("dd", { class: "after" }, ...marked(after, "ins"))),
      element("dl", { class: "numbers" }, ...facts.filter(Boolean)),
      isRead(set) ? null : promptView(chain, chain.steps.indexOf(step), k));
  };

  const promptView = (chain, place, k) => {
    const details = element("details", { class: "whole" }, element("summary", {}, "The whole prompt"));
    details.addEventListener("toggle", () => {
      if (!details.open || details.childElementCount > 1) return;
      const parts = readPrompt(chain, place, k);
      details.append(parts
        ? element("pre", { class: "prompt", tabindex: "0" }, ...marked(parts, "mark"))
        : element("p", { class: "reason" }, "It is not on this page, which has room for those of some problems and knows those of newer runs; the run's samples file has it."));
    });
    return details;
  };

  const stepView = (set, chain, step, model) => {
    const effect = effectOf(step, intervention());
    const over = !isRead(set) && set.setting !== "provided" && effect >= state.threshold;
    const tags = [
      step.label === 1 ? "load-bearing" : step.label === 0 ? "decoy" : null,
      step.truth === undefined ? null : `graded ${step.truth}`,
      step.statesAnswer ? "states the answer" : null,
      step.core === 1 ? "in the core" : step.core === 2 ? "suffices in place of a step of the core" : null,
      set.setting === "provided" || isRead(set) ? null : THIRDS[step.third],
      isRead(set) && shade(set, step) === "na" ? "not corruptible" : null,
    ].filter(Boolean);
    const id = `step-${model}-${step.index}`;
    const button = element("button", { type: "button", class: `step fx ${shade(set, step)}`, "aria-expanded": "false", "aria-controls": id },
      element("span", { class: "number" }, hiddenText("Step "), String(step.index + 1)),
      element("span", { class: "text" }, step.before, element("span", { class: "tags" }, tags.join(" · "))),
      element("span", { class: "value" }, isRead(set) ? "" : Number.isNaN(effect) ? "n/a" : signed(effect), over ? element("span", { class: "over", title: "at or over the threshold" }, "▲", hiddenText(" at or over the threshold")) : null));
    const detail = element("div", { class: "detail", id, hidden: "" });
    const open = (opened) => {
      button.setAttribute("aria-expanded", String(opened));
      detail.hidden = !opened;
      if (opened && !detail.hasChildNodes()) {
        detail.append(...set.interventions.map((_, k) => variantView(set, k, step, chain)).filter(Boolean));
      }
    };
    button.addEventListener("click", () => {
      const opened = detail.hidden;
      for (const each of state.rows.get(step.index)) each(opened);
      state.open = opened ? step.index : null;
      keepAddress();
    });
    state.rows.set(step.index, [...(state.rows.get(step.index) || []), open]);
    if (state.open === step.index) open(true);
    return element("li", step.core === 1 ? { class: "core" } : {}, button, detail);
  };

  /* how many of the steps keep the answer alone; nothing where that was not asked */
  const coreSize = (chain) => {
    if (!chain.steps.some((step) => step.core !== undefined)) return "";
    const size = chain.steps.filter((step) => step.core === 1).length;
    return ` · core: ${size} of ${chain.length} steps`;
  };

  const chainView = (set, problem, model) => {
    const chain = problem.chain(model);
    const name = set.models.length > 1 ? element("h4", {}, set.models[model]) : null;
    if (!chain) return element("div", { class: "chain" }, name, element("p", { class: "reason" }, "Not in this run."));
    const solved = chain.known ? (chain.solved ? "solved" : "not solved") : (chain.greedy ? "greedy decoding writes it" : "greedy decoding writes another");
    const summary = chain.told ? element("p", { class: "tags" }, chain.told) : element("p", { class: "tags" }, `answer ${chain.answer || "–"} · ${chain.leftOut ? `left out: ${chain.leftOut}` : solved}`,
      chain.clean === null ? "" : ` · log p(answer) ${signed(chain.clean, 3)}`, coreSize(chain));
    const rows = [];
    chain.pieces.forEach((piece, k) => {
      if (k % 2) rows.push(stepView(set, chain, chain.steps[(k - 1) / 2], model));
      else if (piece.trim() !== "") rows.push(element("li", { class: "between" }, piece.trim()));
    });
    return element("div", { class: "chain" }, name, summary, element("ol", { class: "steps" }, ...rows));
  };

  const show = () => {
    const { set, problem } = state;
    if (problem === null) {
      article.replaceChildren(element("p", { class: "reason" }, `No ${thing(set)} fits these filters.`));
      return;
    }
    state.rows = new Map(); /* what opens a step, in all chains that are shown */
    const named = `${isRead(set) ? "Chain" : "Problem"} ${problem.number}`;
    now.textContent = named;
    const at = state.found.indexOf(problem);
    const turn = (by, text, key) => {
      const button = element("button", { type: "button", class: by < 0 ? "previous" : "next", title: `${key} on the keyboard` }, text);
      button.disabled = !state.found[at + by];
      button.addEventListener("click", () => go(by));
      return button;
    };
    const shown = models();
    const question = shown.map((m) => problem.chain(m)).find(Boolean);
    article.replaceChildren(
      element("div", { class: "head" },
        element("h3", {}, named),
        element("span", { class: "tags" }, problem.id, " · ", element("a", { href: address(), class: "link" }, "link")),
        element("span", { class: "turn no-print" }, turn(-1, "← Previous", "←"), turn(1, "Next →", "→"))),
      element("p", { class: "asked" }, question ? question.question : ""),
      element("div", { class: `chains n${shown.length}` }, ...shown.map((m) => chainView(set, problem, m))));
    mark();
    keepAddress();
  };

  const go = (by) => {
    const next = state.found[state.found.indexOf(state.problem) + by];
    if (!next) return;
    while (state.found.indexOf(next) >= state.listed) list_more();
    state.problem = next;
    state.open = null;
    const focused = article.contains(document.activeElement) ? document.activeElement.className : null;
    show();
    if (focused === null) return;
    const turned = focused === "previous" || focused === "next";
    const button = turned ? article.querySelector(`.${focused}:not(:disabled)`) || article.querySelector(".turn button:not(:disabled)") : null;
    (button || article).focus({ preventScroll: true });
  };

  /* --- addresses: #problem=17, with &task= where there are several, and &step= --- */

  const FILTERS = ["intervention", "solved", "third", "from", "to", "search", "sort"];
  const usual = (set) => ({
    first: "0", second: set.models.length === 2 ? "1" : "", solved: "", third: "", from: "", to: "", search: "", sort: "number",
    intervention: String(Math.max(0, set.less.indexOf(true))), /* the first that is no control */
  });
  const address = () => {
    const { set } = state;
    const asked = [];
    if (sets.length > 1) asked.push(["task", set.task]);
    if (state.problem) asked.push(["problem", state.problem.number]);
    if (state.problem && state.open !== null) asked.push(["step", state.open + 1]);
    const before = usual(set);
    const value = (name) => field(name).value;
    if (value("first") !== before.first) asked.push(["model", set.models[Number(value("first"))]]);
    if (value("second") !== before.second) asked.push(["beside", value("second") === "" ? "nothing" : set.models[Number(value("second"))]]);
    for (const name of FILTERS) {
      if (value(name) !== before[name]) asked.push([name, name === "intervention" ? set.interventions[Number(value(name))] : value(name)]);
    }
    return `#${asked.map(([name, told]) => `${name}=${encodeURIComponent(told)}`).join("&")}`;
  };

  /* what an address says of models and filters; the rest is as usual */
  const readFields = (asked) => {
    const { set } = state;
    const values = usual(set);
    const place = (list, name) => (list.includes(name) ? String(list.indexOf(name)) : null);
    if (asked.has("model")) {
      values.first = place(set.models, asked.get("model")) ?? values.first;
      if (values.second === values.first) values.second = "0";
    }
    if (asked.has("beside")) values.second = place(set.models, asked.get("beside")) ?? "";
    for (const name of FILTERS) {
      if (asked.has(name)) values[name] = name === "intervention" ? place(set.interventions, asked.get(name)) ?? values[name] : asked.get(name);
    }
    for (const [name, told] of Object.entries(values)) {
      const { options } = field(name);
      const there = !options || [...options].some((option) => option.value === told);
      field(name).value = there ? told : usual(set)[name];
    }
  };

  let moved = false; /* the reader has chosen a problem: only then the address tells it */
  const keepAddress = () => {
    const link = article.querySelector(".link");
    if (link && state.problem) link.setAttribute("href", address());
    if (moved && state.problem && location.hash !== address()) history.replaceState(null, "", address());
  };

  const readAddress = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (!["task", "problem", "model", "beside", ...FILTERS].some((name) => asked.has(name))) return false;
    const set = sets.find((s) => s.task === asked.get("task"));
    if (set && set !== state.set) { field("set").value = String(sets.indexOf(set)); chooseSet(set); }
    readFields(asked);
    moved = true;
    if (!asked.has("problem")) {
      state.problem = null;
      state.open = null;
      update();
      return true;
    }
    const name = asked.get("problem");
    const problem = state.set.problems.find((p) => String(p.number) === name || p.id === name);
    if (!problem) {
      update();
      article.replaceChildren(element("p", { class: "reason" }, `Problem ${name} is not on this page: it holds ${state.set.problems.length} of ${state.set.total} problems.`));
      return true;
    }
    if (!matches(problem)) form.reset_filters();
    state.problem = problem;
    state.open = asked.has("step") ? Number(asked.get("step")) - 1 : null;
    update();
    while (state.found.indexOf(problem) >= state.listed) list_more();
    mark();
    return true;
  };

  form.reset_filters = () => {
    for (const name of ["solved", "third", "from", "to", "search"]) field(name).value = "";
  };

  /* --- events --- */

  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    moved = true;
    state.problem = state.found.find((p) => p.number === Number(button.dataset.number));
    state.open = null;
    show();
  });
  more.addEventListener("click", list_more);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target.name === "set") chooseSet(sets[Number(event.target.value)]);
    update();
    if (["set", "first", "second"].includes(event.target.name)) readAhead();
    moved = true;
    keepAddress();
  });
  document.addEventListener("threshold", (event) => {
    if (state.set && event.detail.task === state.set.task) {
      state.threshold = event.detail.threshold;
      if (state.problem) show();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!browser.contains(event.target) || event.target.closest("input, select, textarea")) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { moved = true; go(by); event.preventDefault(); }
  });
  const arrive = () => {
    article.focus({ preventScroll: true });
    article.scrollIntoView({ behavior: "instant" });
  };
  addEventListener("hashchange", () => {
    if (readAddress()) arrive();
  });

  /* chains are read when they are shown; the rest meanwhile, so that filters need not wait */
  const readAhead = (k = 0) => {
    const { set } = state;
    const next = set.problems.slice(k, k + 50);
    for (const problem of next) models().forEach((m) => problem.chain(m));
    if (next.length) setTimeout(() => { if (state.set === set) readAhead(k + 50); }, 20);
  };

  if (!sets.length) return;
  fill("set", sets.map((set, k) => [String(k), set.task]), sets.length < 2);
  chooseSet(sets[0]);
  browser.hidden = false;
  article.tabIndex = -1;
  if (readAddress()) arrive();
  else update();
  readAhead();
})();
