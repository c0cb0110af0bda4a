/* Sorting by a column's heading, and choosing the board. Without this all boards are shown. */
(() => {
  const boards = [...document.querySelectorAll(".board")];

  for (const table of document.querySelectorAll("table.models")) {
    const body = table.tBodies[0];
    const models = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    const sort = (column, direction) => {
      headings.forEach((heading, k) => {
        if (k === column) heading.setAttribute("aria-sort", direction);
        else heading.removeAttribute("aria-sort");
      });
      const sign = direction === "ascending" ? 1 : -1;
      const number = headings[column].dataset.kind === "number";
      const value = (row) => row.cells[column].dataset.value;
      const ordered = [...models].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === ""); // what is not defined stays last
        return sign * (number ? Number(x) - Number(y) : x.localeCompare(y));
      });
      body.replaceChildren(...ordered);
    };
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      const first = heading.dataset.kind === "number" && column > 0 ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      button.addEventListener("click", () => {
        sort(column, heading.getAttribute("aria-sort") === first ? other : first);
      });
    });
  }

  const task = document.getElementById("task");
  const intervention = document.getElementById("intervention");
  const ofTask = () => boards.filter((board) => Number(board.dataset.task) === task.selectedIndex);
  const fill = () => {
    intervention.replaceChildren(...ofTask().map((board) => {
      const option = document.createElement("option");
      option.textContent = board.dataset.intervention;
      return option;
    }));
  };
  const show = (chosen) => {
    for (const board of boards) board.hidden = board !== chosen;
  };
  const choose = () => {
    const chosen = ofTask()[intervention.selectedIndex];
    show(chosen);
    try { history.replaceState(null, "", `#${chosen.id}`); } catch { /* not here */ }
  };
  if (boards.length > 1) {
    const linked = boards.find((board) => `#${board.id}` === location.hash) || boards[0];
    task.selectedIndex = Number(linked.dataset.task);
    fill();
    intervention.selectedIndex = ofTask().indexOf(linked);
    show(linked);
    document.getElementById("choose").hidden = false;
    task.addEventListener("change", () => { fill(); choose(); });
    intervention.addEventListener("change", choose);
  }
})();
