"use strict";
// Charts stand in the page as drawings; each becomes interactive when the reader comes near it.
// Nothing is fetched and no text is run: specifications are data beside each drawing, and Vega
// interprets their expressions (ast) instead of compiling them.
(() => {
  // width of the page's column in CSS pixels -> panels in a row
  const COLUMNS = [[480, 1], [720, 2], [1000, 3]];

  function specification(chart) {
    const spec = JSON.parse(chart.querySelector("script[type='application/json']").textContent);
    const fit = COLUMNS.find(([width]) => chart.clientWidth < width);
    if (spec.concat && fit) spec.columns = Math.min(spec.columns, fit[1]);
    return spec;
  }

  function draw(chart) {
    if (chart.dataset.state) return;
    chart.dataset.state = "drawing";
    const target = document.createElement("div");
    target.className = "live";
    target.hidden = true;
    target.setAttribute("aria-hidden", "true"); // the figure around it has the label
    chart.append(target);
    const options = { actions: false, renderer: "svg", ast: true, tooltip: { theme: "custom" } };
    vegaEmbed(target, specification(chart), options).then(
      () => {
        const drawing = chart.querySelector(".drawing");
        if (drawing) drawing.hidden = true;
        target.hidden = false;
        chart.dataset.state = "live";
      },
      (error) => {
        target.remove();
        chart.dataset.state = "still";
        console.error(error);
      },
    );
  }

  function watch() {
    const charts = document.querySelectorAll("[data-chart]");
    const seen = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          seen.unobserve(entry.target);
          draw(entry.target);
        }
      },
      { rootMargin: "300px 0px" },
    );
    for (const chart of charts) seen.observe(chart);
  }

  // On paper the drawings stand for the charts, in their wide layout; tables that are a section's
  // only content are opened, the numbers under each figure stay as the reader left them.
  function paper(on) {
    for (const chart of document.querySelectorAll("[data-chart]")) {
      const drawing = chart.querySelector(".drawing");
      if (!drawing) {
        if (on) draw(chart);
      } else if (chart.dataset.state === "live") {
        drawing.hidden = !on;
        chart.querySelector(".live").hidden = on;
      }
    }
    if (!on) return;
    for (const details of document.querySelectorAll("section > details")) details.open = true;
  }

  // The switch of phases and questions; without this script all of them are shown.
  function choose() {
    const control = document.querySelector("[data-switch]");
    if (!control) return;
    control.classList.add("on");
    const show = (key) => {
      for (const part of document.querySelectorAll("[data-panel]")) {
        part.hidden = part.dataset.panel !== key;
      }
    };
    control.addEventListener("change", (event) => show(event.target.value));
    show(control.querySelector("input:checked").value);
    // a link to a figure that the switch hides shows its panel first
    const follow = () => {
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      const part = target && target.closest("[data-panel]");
      if (!part || !part.hidden) return;
      const input = [...control.querySelectorAll("input")].find((i) => i.value === part.dataset.panel);
      if (input) {
        input.checked = true;
        show(input.value);
        target.scrollIntoView();
      }
    };
    window.addEventListener("hashchange", follow);
    follow();
  }

  choose();
  watch();
  window.addEventListener("beforeprint", () => paper(true));
  window.addEventListener("afterprint", () => paper(false));
})();
