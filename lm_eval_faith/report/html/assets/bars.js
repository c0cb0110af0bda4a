"use strict";
/* The movable bar: shares are written as Python wrote them, nothing is computed here. */
(() => {
  const { curves } = JSON.parse(document.getElementById("data").textContent);
  for (const control of document.querySelectorAll("[data-curve]")) {
    const curve = curves[Number(control.dataset.curve)];
    const svg = control.closest("figure").querySelector('[data-panel="bars"]');
    const rule = svg.querySelector('[data-mark="bar"]');
    const { left, right, low, high } = svg.dataset;
    const slider = control.querySelector("input");
    const rows = [...control.querySelectorAll("tbody tr")];
    const chosen = curve.bars.indexOf(curve.bar);
    const place = (bar) => Number(left) + (Number(right) - left) * (bar - low) / (high - low);
    const show = () => {
      const k = Number(slider.value);
      const bar = curve.bars[k];
      const told = `${bar} nat${bar === 1 ? "" : "s"}`;
      control.querySelector("output").textContent = told;
      slider.setAttribute("aria-valuetext", told);
      rule.setAttribute("transform", `translate(${place(bar) - place(curve.bar)} 0)`);
      rows.forEach((row, i) => {
        [row.cells[1].textContent, row.cells[2].textContent] = curve.shares[k][i];
      });
      document.dispatchEvent(new CustomEvent("bar", { detail: { task: curve.task, bar } }));
    };
    slider.addEventListener("input", show);
    control.querySelector(".bar-reset").addEventListener("click", () => {
      slider.value = String(chosen);
      show();
    });
    slider.value = String(chosen);
    control.hidden = false;
    show();
  }
})();
