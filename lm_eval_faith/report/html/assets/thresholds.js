"use strict";
/* The movable threshold: shares are written as Python wrote them, nothing is computed here. */
(() => {
  const { curves } = JSON.parse(document.getElementById("data").textContent);
  for (const control of document.querySelectorAll("[data-curve]")) {
    const curve = curves[Number(control.dataset.curve)];
    const svg = control.closest("figure").querySelector('[data-panel="thresholds"]');
    const rule = svg.querySelector('[data-mark="threshold"]');
    const { left, right, low, high } = svg.dataset;
    const slider = control.querySelector("input");
    const rows = [...control.querySelectorAll("tbody tr")];
    const chosen = curve.thresholds.indexOf(curve.threshold);
    const place = (threshold) => Number(left) + (Number(right) - left) * (threshold - low) / (high - low);
    const show = () => {
      const k = Number(slider.value);
      const threshold = curve.thresholds[k];
      const told = `${threshold} nat${threshold === 1 ? "" : "s"}`;
      control.querySelector("output").textContent = told;
      slider.setAttribute("aria-valuetext", told);
      rule.setAttribute("transform", `translate(${place(threshold) - place(curve.threshold)} 0)`);
      rows.forEach((row, i) => {
        [row.cells[1].textContent, row.cells[2].textContent] = curve.shares[k][i];
      });
      document.dispatchEvent(new CustomEvent("threshold", { detail: { task: curve.task, threshold } }));
    };
    slider.addEventListener("input", show);
    control.querySelector(".threshold-reset").addEventListener("click", () => {
      slider.value = String(chosen);
      show();
    });
    slider.value = String(chosen);
    control.hidden = false;
    show();
  }
})();
