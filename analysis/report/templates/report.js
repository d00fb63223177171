"use strict";
const PLOTS = JSON.parse(document.getElementById("plots").textContent), COLOURS = {{ palettes.light | length }};
const DARK = matchMedia("(prefers-color-scheme: dark)"), COARSE = matchMedia("(pointer: coarse)");
const variable = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const channels = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

// "3": the colour of group 3, "3a": that of areas in it; "s80": 80 % of the scale, "t80": text upon it; else a variable.
function colour(name) {
  const [, kind, number, area] = name.match(/^([a-z]*)(\d*)(a?)$/);
  if (kind === "t") return variable(number > 55 ? "--paper" : "--ink");
  if (kind === "s") {
    const [low, high] = ["--low", "--high"].map(end => channels(variable(end)));
    return `rgb(${low.map((channel, i) => Math.round(channel + (high[i] - channel) * number / 100))})`;
  }
  if (number === "") return variable(`--${kind}`);
  const hex = variable(`--g${number % COLOURS}`);
  return area ? `rgba(${channels(hex)},0.16)` : hex;
}
const resolved = plot =>
  JSON.parse(JSON.stringify(plot).replace(/"@(\w+)"/g, (_, name) => JSON.stringify(colour(name))));

function layoutOf(plot, zooms) {
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true,
    hoverformat: ",.4~r", title: { standoff: 8 } };
  const given = plot.layout, lines = plot.data.filter(trace => trace.hovertemplate).length;
  return {
    height: 340, showlegend: false, dragmode: zooms ? "zoom" : false,
    hovermode: lines > 6 ? "closest" : "x unified",
    font: { family: "system-ui, -apple-system, sans-serif", size: 12, color: colour("ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: plot.rows ? 14 : 48, r: 14, t: 8, b: 44 },
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), namelength: 40,
      font: { color: colour("ink"), size: 12 } },
    ...given, xaxis: { ...axis, ...given.xaxis, title: { ...axis.title, ...given.xaxis.title } },
    yaxis: { ...axis, ...given.yaxis },
  };
}

// A figure: its plot, a switch of views, buttons that switch groups on and off, and zoom.
class Figure {
  constructor(box) {
    this.box = box;
    this.hidden = new Set();
    this.zooms = !COARSE.matches;
    this.reset = element("button", { type: "button", hidden: true, textContent: "Reset zoom", className: "reset" });
    this.reset.onclick = () => this.draw();
    const tools = element("span", { className: "tools" }, this.reset);
    if (COARSE.matches) {
      const zoom = element("button", { type: "button", textContent: "Zoom", ariaPressed: "false" });
      zoom.onclick = () => { this.zooms = !this.zooms; zoom.ariaPressed = String(this.zooms); this.draw(); };
      tools.append(zoom);
    }
    box.querySelector("figcaption").append(tools);
    for (const button of box.querySelectorAll("[data-view]")) button.onclick = () => this.show(button);
  }
  get plot() { return PLOTS[this.box.dataset.figure]; }
  select(button) {
    this.box.dataset.figure = button.dataset.view;
    for (const other of this.box.querySelectorAll("[data-view]")) other.ariaPressed = String(other === button);
  }
  show(button) { this.select(button); this.draw(); }
  // As another page had it; a plot that is gone stays as it begins.
  restore(name, hidden) {
    this.hidden = new Set(hidden);
    const button = [...this.box.querySelectorAll("[data-view]")].find(other => other.dataset.view === name);
    if (button) this.select(button);
  }
  draw() {
    const plot = resolved(this.plot);
    for (const trace of plot.data) trace.visible = !this.hidden.has(trace.legendgroup);
    this.box.querySelector(".note").textContent = plot.note;
    const place = this.box.querySelector(".plot");
    this.reset.hidden = true;
    if (!plot.rows) this.legend(plot);
    return Plotly.newPlot(place, plot.data, layoutOf(plot, this.zooms),
      { responsive: true, displayModeBar: false, doubleClick: "reset" }).then(() => {
        place.on("plotly_relayout", change => { this.reset.hidden = !("xaxis.range[0]" in change || "yaxis.range[0]" in change); });
        this.box.dataset.drawn = this.box.dataset.figure;
      });
  }
  legend(plot) {
    const groups = plot.data.filter(trace => trace.name && trace.legendgroup && trace.mode === "lines");
    this.box.querySelector(".legend").replaceChildren(...groups.map(trace => {
      const shown = !this.hidden.has(trace.legendgroup);
      const mark = element("i", { className: `swatch ${trace.line.dash}` });
      mark.style.setProperty("--group", trace.line.color);
      const count = trace.meta ? element("small", { textContent: ` ${trace.meta}` }) : "";
      const button = element("button", { type: "button", ariaPressed: String(shown), title: "Show or hide; double-click: only this" },
        mark, trace.legendgroup, count);
      button.onclick = () => { this.hidden.delete(trace.legendgroup) || this.hidden.add(trace.legendgroup); this.draw(); };
      button.ondblclick = () => {
        this.hidden = new Set(groups.map(other => other.legendgroup).filter(group => group !== trace.legendgroup));
        this.draw();
      };
      return button;
    }));
  }
}

const figures = new Map([...document.querySelectorAll("figure")].map(box => [box, new Figure(box)]));
// Drawn when they come near the screen: a page may have dozens.
const watcher = new IntersectionObserver(entries => entries.filter(entry => entry.isIntersecting).forEach(entry => {
  watcher.unobserve(entry.target);
  figures.get(entry.target).draw();
}), { rootMargin: "600px" });
figures.forEach((_, box) => watcher.observe(box));
DARK.addEventListener("change", () => figures.forEach(figure => figure.box.dataset.drawn && figure.draw()));

// A click on a column's heading sorts the table by it; a second click reverses the order.
document.querySelectorAll("th").forEach(head => head.addEventListener("click", () => {
  const body = head.closest("table").tBodies[0], column = head.cellIndex;
  const turn = head.dataset.turn === "1" ? -1 : 1;
  head.parentNode.querySelectorAll("th").forEach(other => delete other.dataset.turn);
  head.dataset.turn = String(turn);
  const key = row => { const text = row.cells[column].textContent, number = parseFloat(text.replaceAll(",", ""));
    return Number.isNaN(number) ? text : number; };
  const order = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
  [...body.rows].sort((a, b) => turn * order(key(a), key(b))).forEach(row => body.appendChild(row));
}));

// While training goes on the page reloads itself, and stays where and as it is.
const RELOAD = Number(document.documentElement.dataset.reload);
if (RELOAD) {
  const parts = () => [...document.querySelectorAll("details")], saved = sessionStorage.getItem("state");
  if (saved) {
    const state = JSON.parse(saved);
    parts().forEach((part, i) => { part.open = state.open.includes(i); });
    [...figures.values()].forEach((figure, i) => { if (state.figures[i]) figure.restore(...state.figures[i]); });
    addEventListener("load", () => scrollTo({ top: state.top, behavior: "instant" }));
  }
  history.scrollRestoration = "manual";
  setTimeout(() => {
    const open = parts().flatMap((part, i) => part.open ? [i] : []);
    const shown = [...figures.values()].map(figure => [figure.box.dataset.figure, [...figure.hidden]]);
    sessionStorage.setItem("state", JSON.stringify({ top: scrollY, open, figures: shown }));
    location.reload();
  }, RELOAD * 1000);
}
