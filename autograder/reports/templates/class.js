"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    rows.sort(([a], [b]) => (typeof a === "number" ? a - b : order.compare(a, b)) * (down ? -1 : 1));
    body.append(...rows.map(([, row]) => row));
  }));
}
const section = document.getElementById("everybody");
const rows = [...document.getElementById("table").tBodies[0].rows];
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
const filter = document.getElementById("filter");
const chosen = document.getElementById("status");
const apply = () => {
  const wanted = filter.value.trim().toLowerCase();
  let count = 0;
  for (const row of rows) {
    const fits = chosen.value === "" || row.dataset.status === chosen.value || (chosen.value === "flagged" && "flagged" in row.dataset);
    row.hidden = !(fits && texts.get(row).includes(wanted));
    count += !row.hidden;
  }
  document.getElementById("shown").textContent = section.dataset.shown.replace("{count}", count).replace("{all}", rows.length);
};
filter.addEventListener("input", apply);
chosen.addEventListener("change", apply);
apply();
