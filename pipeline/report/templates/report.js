"use strict";
// Charts stand in the page as drawings; each becomes interactive when the reader comes near it.
// Nothing is fetched and no text is run: specifications are data beside each drawing, and Vega
// interprets their expressions (ast) instead of compiling them.
(() => {
  // width of the page's column in CSS pixels -> panels in a row
  const COLUMNS = [[480, 1], [720, 2], [1000, 3]];

  const data = (chart) =>
    unpacked(JSON.parse(chart.querySelector("script[type='application/json']").textContent));

  // Large data sets stand as columns (pipeline/report/crowded.py): here they become rows again.
  function unpacked({ packed, ...spec }) {
    for (const [name, { rows, columns }] of Object.entries(packed || {})) {
      const values = Object.entries(columns).map(([key, column]) => {
        const { of, at } = Array.isArray(column) ? { of: column } : column;
        if (at) return [key, (row) => of[at[row]]];
        return [key, Array.isArray(column) ? (row) => of[row] : () => of[0]];
      });
      spec.datasets[name] = Array.from({ length: rows }, (_, row) =>
        Object.fromEntries(values.map(([key, value]) => [key, value(row)])),
      );
    }
    return spec;
  }

  function specification(chart) {
    const spec = data(chart);
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
      ({ view }) => {
        const drawing = chart.querySelector(".drawing");
        if (drawing) drawing.hidden = true;
        target.hidden = false;
        chart.dataset.state = "live";
        fit(chart);
        join(chart, view);
      },
      (error) => {
        target.remove();
        chart.dataset.state = "still";
        console.error(error);
      },
    );
  }

  // One animal and one context may be highlighted in all figures of a chapter. Charts that are alive
  // take them as parameters of their specification; drawings, and panels of either, by what their
  // marks carry (pipeline/report/highlight.py): data-a names the animal of a mark, or those of a
  // broken line in the order of its strokes, each ended by a sign; data-c has the place of a panel's
  // context.
  const BETWEEN = "\u241f";
  const PANEL = /(?:^|\s)p\d+_c(\d+)(?:_group)?(?:\s|$)/;
  const NOTHING = { animal: "", context: "", place: "" };
  const chosen = new WeakMap(); // chapter -> what is chosen, and how to choose an animal
  const alive = new WeakMap(); // chart -> its view

  // A chart came alive: it takes what was chosen before, and a click on an animal chooses it.
  function join(chart, view) {
    const chapter = chosen.get(chart.closest(".chapter"));
    if (!chapter) return;
    for (const part of chart.querySelectorAll(".live g[class]")) {
      const found = PANEL.exec(part.getAttribute("class"));
      if (found) part.dataset.c = found[1];
    }
    if ("animals" in chart.dataset) {
      const animal = (item) => (item && item.datum && item.datum.animal) || "";
      alive.set(chart, view);
      view.addEventListener("click", (_, item) => animal(item) && chapter.toggle(animal(item)));
      view.addEventListener("mouseover", (_, item) => {
        chart.classList.toggle("over", animal(item) !== "");
      });
    }
    apply(chart, chapter.choice);
  }

  function apply(chart, choice) {
    const view = alive.get(chart);
    if (view) view.signal("who", choice.animal).signal("where", choice.context).runAsync();
    for (const panel of chart.querySelectorAll("[data-c]")) {
      const here = panel.dataset.c === choice.place;
      panel.classList.toggle("here", choice.place !== "" && here);
      panel.classList.toggle("away", choice.place !== "" && !here);
    }
    for (const copy of chart.querySelectorAll(".own")) copy.remove();
    for (const mark of chart.querySelectorAll("[data-a]")) {
      const animals = mark.dataset.a.split(BETWEEN);
      const one = animals.length === 1 && animals[0] === choice.animal;
      mark.classList.toggle("mine", one);
      mark.classList.toggle("others", choice.animal !== "" && !one);
      if (choice.animal && animals.length > 1) mark.after(...strokes(mark, animals, choice.animal));
    }
  }

  // The strokes of one animal out of a broken line, on a wider copy of them in ink.
  function strokes(line, animals, animal) {
    const parts = line.getAttribute("d").split(/(?=M)/);
    const d = parts.filter((_, index) => animals[index] === animal).join("");
    return (d ? ["own ground", "own"] : []).map((name) => {
      const copy = line.cloneNode();
      copy.removeAttribute("data-a");
      copy.setAttribute("class", name);
      copy.setAttribute("d", d);
      return copy;
    });
  }

  // What a chart can highlight: animals with their sessions, and places of contexts.
  function held(chart) {
    const animals = new Map();
    const places = new Set();
    const of = (animal) => {
      if (!animals.has(animal)) animals.set(animal, new Map());
      return animals.get(animal);
    };
    if ("chart" in chart.dataset) {
      const spec = data(chart); // not its layout: that would lay out the whole page
      for (const row of (spec.datasets || {}).animals || []) {
        for (const session of row.sessions.split(", ")) of(row.animal).set(session, row.condition);
      }
      for (const panel of spec.concat || []) {
        const found = PANEL.exec(panel.name || "");
        if (found) places.add(found[1]);
      }
      if (animals.size) chart.dataset.animals = "";
    } else {
      for (const mark of chart.querySelectorAll("[data-a]")) {
        mark.dataset.a.split(BETWEEN).filter(Boolean).forEach(of);
      }
      for (const panel of chart.querySelectorAll("[data-c]")) places.add(panel.dataset.c);
    }
    return { animals, places };
  }

  function highlight() {
    for (const bar of document.querySelectorAll("[data-choice]")) offer(bar);
  }

  function offer(bar) {
    const chapter = bar.closest(".chapter");
    const charts = new Map([...chapter.querySelectorAll(".chart")].map((c) => [c, held(c)]));
    const select = bar.querySelector("select");
    const reset = bar.querySelector("button");
    const radios = [...bar.querySelectorAll("input")];
    const sessions = new Map();
    const places = new Set();
    for (const one of charts.values()) {
      for (const [animal, met] of one.animals) {
        if (!sessions.has(animal)) sessions.set(animal, new Map());
        for (const [session, condition] of met) sessions.get(animal).set(session, condition);
      }
      for (const place of one.places) places.add(place);
    }
    const order = new Intl.Collator("en", { numeric: true }).compare;
    for (const animal of [...sessions.keys()].sort(order)) select.add(new Option(animal, animal));
    for (const radio of radios) {
      radio.parentElement.hidden = radio.value !== "" && !places.has(radio.dataset.place);
    }
    select.parentElement.hidden = sessions.size < 2;
    bar.querySelector("fieldset").hidden = places.size < 2;
    bar.hidden = sessions.size < 2 && places.size < 2;
    if (bar.hidden) return;

    const state = { choice: NOTHING };
    const update = () => {
      const radio = radios.find((one) => one.checked);
      const choice = { animal: select.value, context: radio.value, place: radio.dataset.place || "" };
      state.choice = choice;
      for (const chart of charts.keys()) apply(chart, choice);
      reset.disabled = !choice.animal && !choice.context;
      const shown = [...charts].filter(([chart]) => !chart.closest("[hidden]"));
      bar.querySelector("[role=status]").textContent = said(bar, choice, shown.map(([, one]) => one));
      visits(bar, choice.animal, sessions.get(choice.animal));
    };
    state.toggle = (animal) => {
      select.value = select.value === animal ? "" : animal;
      update();
    };
    chosen.set(chapter, state);
    bar.addEventListener("change", update);
    reset.addEventListener("click", () => {
      select.value = "";
      radios[0].checked = true;
      update();
      select.focus();
    });
    for (const chart of charts.keys()) {
      chart.addEventListener("click", (event) => {
        const mark = event.target.closest("[data-a]");
        if (mark && !mark.dataset.a.includes(BETWEEN)) state.toggle(mark.dataset.a);
      });
    }
  }

  // In words what is highlighted, for nobody need see it.
  function said(bar, choice, figures) {
    const { one, many } = bar.dataset;
    const tell = (name, has, others, none) => {
      const n = figures.filter(has).length;
      const lack = figures.length - n;
      const rest = lack ? ` (${lack} ${lack === 1 ? "shows" : "show"} no ${none}, or not this one)` : "";
      return `${name} stands out in ${n} of ${figures.length} figures${rest}; ${others} are faded.`;
    };
    const words = [];
    if (choice.animal) {
      const has = (figure) => figure.animals.has(choice.animal);
      words.push(tell(choice.animal, has, `other ${many}`, `single ${one}`));
    }
    if (choice.context) {
      const name = choice.context.replaceAll("_", " ");
      const has = (figure) => figure.places.has(choice.place);
      words.push(tell(name, has, "other contexts", "single context"));
    }
    return words.join(" ");
  }

  // Links to the sessions of the chosen animal; while blind without their conditions.
  function visits(bar, animal, sessions) {
    const list = bar.querySelector(".visits");
    list.hidden = !sessions || !sessions.size;
    list.textContent = "";
    if (list.hidden) return;
    list.append(`Session pages of ${animal}: `);
    [...sessions].forEach(([session, condition], index) => {
      const link = document.createElement("a");
      link.href = `../sessions/${encodeURIComponent(session)}/session.html`;
      link.textContent = session;
      list.append(index ? ", " : "", link, "blind" in bar.dataset ? "" : ` (${condition})`);
    });
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
    // a chart without a drawing would be an empty box on paper: such are drawn in any case, one
    // whenever the browser has nothing else to do
    const bare = [...charts].filter((chart) => !chart.querySelector(".drawing"));
    const idle = window.requestIdleCallback || ((then) => setTimeout(then, 200));
    const next = () => {
      if (!bare.length) return;
      draw(bare.shift());
      idle(next);
    };
    idle(next);
  }

  // What scrolls can be reached by key, and nothing else of its kind; without this script all can.
  // An edge with more beyond it is shaded.
  const FRAMES = ".scroll, .chart, .sections ul";

  const more = (whole, part) => whole > part + 1;

  function edges(frame) {
    const { scrollLeft, scrollWidth, clientWidth } = frame;
    frame.classList.toggle("more-before", scrollLeft > 1);
    frame.classList.toggle("more-after", more(scrollWidth, scrollLeft + clientWidth));
  }

  function fit(frame) {
    edges(frame);
    if (frame.matches("ul")) return; // its links are reached
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = frame;
    const scrolls = more(scrollWidth, clientWidth) || more(scrollHeight, clientHeight);
    if (scrolls) frame.tabIndex = 0;
    else if (frame !== document.activeElement) frame.removeAttribute("tabindex");
  }

  // What is not laid out yet stays as it was written: within reach.
  function reach() {
    const sizes = new ResizeObserver((entries) => {
      new Set(entries.map((entry) => entry.target.closest(FRAMES))).forEach(fit);
    });
    for (const frame of document.querySelectorAll(FRAMES)) {
      frame.addEventListener("scroll", () => edges(frame), { passive: true });
      sizes.observe(frame);
      // what is inside may grow while the frame around it stays
      for (const child of frame.children) sizes.observe(child);
    }
  }

  // On paper the drawings stand for the charts, in their wide layout; what a page says nowhere else
  // is opened (data-paper), all other tables stay as the reader left them.
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
    for (const details of document.querySelectorAll("details[data-paper]")) details.open = true;
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
  highlight();
  watch();
  reach();
  window.addEventListener("beforeprint", () => paper(true));
  window.addEventListener("afterprint", () => paper(false));
})();
