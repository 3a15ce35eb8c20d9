"use strict";
// Tables that can be sorted (data-sortable) and narrowed down (data-filter names the table's id).
// Nothing is fetched, no text of a table is run or becomes markup; without this script every row is
// there in the order of the experiment.
(() => {
  const NUMBER = /^[+\u2212-]?(\d[\d,]*)?\.?\d+(\u00a0?%)?$/;
  const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  // A cell's place: its data-order (empty: unknown, last), else its text, as a number if all of the
  // column's are numbers.
  function keys(rows, column) {
    const texts = rows.map((row) => {
      const cell = row.cells[column];
      return cell.hasAttribute("data-order") ? cell.dataset.order : cell.textContent.trim();
    });
    const known = texts.map((text) => text !== "" && text !== "\u2013");
    const numeric = texts.every((text, i) => !known[i] || NUMBER.test(text));
    return texts.map((text, i) => {
      if (!known[i]) return null;
      return numeric ? parseFloat(text.replace(/,/g, "").replace("\u2212", "-")) : text;
    });
  }

  function compare(a, b) {
    return typeof a === "number" ? a - b : words.compare(a, b);
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const original = [...body.rows];
    if (original.length < 2) return;
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        const next = was === "ascending" ? "descending" : was === "descending" ? "" : "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        let rows = original;
        if (next) {
          head.setAttribute("aria-sort", next);
          const found = keys(original, column);
          const sign = next === "ascending" ? 1 : -1;
          const order = original.map((_, i) => i).sort((i, j) => {
            if (found[i] === null || found[j] === null) {
              return (found[i] === null) - (found[j] === null) || i - j;
            }
            return sign * compare(found[i], found[j]) || i - j;
          });
          rows = order.map((i) => original[i]);
        }
        body.append(...rows);
      });
    });
  }

  function filtered(form) {
    const table = document.getElementById(form.dataset.filter);
    const rows = [...table.tBodies[0].rows];
    const said = form.querySelector("output");
    const lists = [...form.querySelectorAll("select")];
    const search = form.querySelector("input[type='search']");
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const values = lists.map((list) =>
      rows.map((row) => JSON.parse(row.dataset[list.name] || "[]")),
    );
    const show = () => {
      const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        const fits =
          asked.every((word) => texts[i].includes(word)) &&
          lists.every((list, k) => list.value === "" || values[k][i].includes(list.value));
        row.hidden = !fits;
        shown += fits;
      });
      said.textContent = `${shown} of ${rows.length} shown`;
      form.querySelector("button").disabled =
        search.value === "" && lists.every((list) => list.value === "");
    };
    form.hidden = false;
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    // after the browser has emptied the fields
    form.addEventListener("reset", () => setTimeout(show));
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.target !== search) return;
      search.value = "";
      show();
    });
    // a reader who types a slash wants to search
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, select, textarea")) return;
      event.preventDefault();
      search.focus();
    });
    show();
  }

  for (const table of document.querySelectorAll("table[data-sortable]")) sortable(table);
  for (const form of document.querySelectorAll("form[data-filter]")) filtered(form);
})();
