"use strict";
/* Buttons that copy numbers and commands, and save the data of a figure; dots that lead to their step. */
(() => {
  const copy = async (text, button) => {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => { button.textContent = before; }, 1500);
  };
  const button = (text, label, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "copy no-print";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", () => act(made));
    return made;
  };
  const words = (element) => element.textContent.replace(/\s+/g, " ").trim();

  for (const pre of document.querySelectorAll("#method pre")) {
    const around = document.createElement("div");
    around.className = "copied";
    pre.replaceWith(around);
    around.append(pre, button("Copy", "Copy this text", (made) => copy(pre.textContent, made)));
  }
  for (const tile of document.querySelectorAll(".headline")) {
    const name = words(tile.querySelector("dt"));
    const parts = tile.querySelectorAll(".both > span");
    const told = (part) => [...part.querySelectorAll(".of, .headline-number, .interval")].map(words).join(" ");
    const text = parts.length ? [...parts].map(told).join("; ") : told(tile);
    tile.append(button("Copy", `Copy ${name}`, (made) => copy(`${name}: ${text}`, made)));
  }

  /* a cell that a spreadsheet would run begins with an apostrophe */
  const cell = (text) => {
    const safe = /^[=+@\-\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const ends = (text) => /^\[(.+), (.+)\]$/.exec(text);
  const csv = (table) => {
    const heads = [...table.tHead.rows[0].cells].map(words);
    const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map(words));
    const line = (cells, isHead) => cells.flatMap((text, k) => {
      if (heads[k] !== "interval") return [cell(text === "\u2013" ? "" : text)];
      if (isHead) return ["low", "high"];
      const found = ends(text);
      return found ? [cell(found[1]), cell(found[2])] : ["", ""];
    }).join(",");
    return [line(heads, true), ...rows.map((row) => line(row, false))].join("\n") + "\n";
  };
  for (const details of document.querySelectorAll("details[data-csv]")) {
    const named = details.dataset.csv;
    const save = button("CSV", `Save the data of ${named} as CSV`, () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csv(details.querySelector("table"))], { type: "text/csv" }));
      link.download = `${named.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "").toLowerCase().slice(0, 60) || "figure"}.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
    save.classList.add("csv");
    details.querySelector("summary").after(save);
  }

  /* the nearest dot to the pointer is the step that is meant */
  for (const dots of document.querySelectorAll("[data-steps]")) {
    const steps = dots.dataset.steps.split(" ");
    const places = [...dots.getAttribute("d").matchAll(/M([\d.]+) ([\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2])]);
    const svg = dots.ownerSVGElement;
    const nearest = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const far = places.map(([x, y]) => (x - at.x) ** 2 + (y - at.y) ** 2);
      return steps[far.indexOf(Math.min(...far))].split(".");
    };
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    dots.append(title);
    dots.addEventListener("pointermove", (event) => {
      const [problem, step] = nearest(event);
      title.textContent = `problem ${problem}, step ${step}`;
    });
    dots.addEventListener("click", (event) => {
      const [problem, step] = nearest(event);
      location.hash = `${dots.closest("[data-address]").dataset.address}problem=${problem}&step=${step}`;
    });
  }
})();
