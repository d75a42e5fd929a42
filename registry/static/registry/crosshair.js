// A line under the pointer on a survival figure, with each curve's value there. It reads data-plot of the drawing
// ("left right top bottom last-day") and data-label, -days, -values, -risks of its curves. The table holds the same.
// What it says stands at its script.
const says = document.querySelector("script[data-say-years]").dataset;
const SVG = "http://www.w3.org/2000/svg";

function attach(svg) {
  const [left, right, top, bottom, last] = svg.dataset.plot.split(" ").map(Number);
  const curves = [...svg.querySelectorAll("[data-days]")].map(({ dataset: d }) => ({
    label: d.label, days: d.days.split(" ").map(Number), values: d.values.split(" "), risks: d.risks.split(" "),
  }));
  const make = (name, parent, given) => {
    const made = parent.appendChild(document.createElementNS(SVG, name));
    for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
    return made;
  };
  const mark = make("g", svg, { class: "crosshair", "aria-hidden": "true", visibility: "hidden" });
  const line = make("path", mark, { class: "guide", fill: "none" });
  const texts = [null, ...curves].map((_, row) => make("text", mark, { class: "ink halo", y: top + 14 + row * 16 }));

  svg.addEventListener("pointermove", (event) => {
    const { x } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    if (x < left || x > right) return mark.setAttribute("visibility", "hidden");
    const day = ((x - left) / (right - left)) * last;
    const end = x > (left + right) / 2;
    line.setAttribute("d", `M${x} ${top}V${bottom}`);
    texts[0].textContent = says.sayYears.replace("{n}", (day / 365.25).toFixed(1));
    curves.forEach((curve, row) => {
      const at = curve.days.findLastIndex((one) => one <= day);
      const over = at === curve.days.length - 1 && day > curve.days[at];
      const risk = says.sayRisk.replace("{n}", curve.risks[at]);
      const value = at < 0 || over ? says.sayUnobserved : `${(curve.values[at] * 100).toFixed(1)}%, ${risk}`;
      texts[row + 1].textContent = `${curve.label}: ${value}`;
    });
    for (const text of texts) {
      text.setAttribute("x", end ? x - 8 : x + 8);
      text.setAttribute("text-anchor", end ? "end" : "start");
    }
    mark.setAttribute("visibility", "visible");
  });
  svg.addEventListener("pointerleave", () => mark.setAttribute("visibility", "hidden"));
}

document.querySelectorAll("svg[data-plot]").forEach(attach);
