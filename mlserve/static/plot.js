// Draws the answers over time that a page's figure carries, a colour for each version. Without it the caption stands.
"use strict";

(() => {
  const HEIGHT = 260;
  const COLOURS = 6; // as many as the stylesheet has
  const DAY = "\n{YYYY}-{MM}-{DD}";
  // From which distance of two ticks on a tick is written how, and how where a year (third) or a day (fifth) begins.
  const TICKS = [
    [31536000, "{YYYY}", null, null, null, null, null, null, 1],
    [2419200, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
    [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", DAY, null, DAY, null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", DAY, null, DAY, null, null, null, 1],
    [0.001, "{HH}:{mm}:{ss}.{fff}", DAY, null, DAY, null, null, null, 1],
  ];
  const figure = document.getElementById("plot");
  const place = figure.querySelector(".canvas");
  const select = figure.querySelector("select");
  const captions = figure.querySelectorAll("figcaption p");
  const { times, versions, outputs } = JSON.parse(figure.dataset.plot);
  const answering = [...new Set(versions)].sort((one, other) => one - other);
  let plot;

  function draw() {
    const chosen = select ? Number(select.value) : 0;
    const { name, unit, span, values } = outputs[chosen];
    captions.forEach((caption, at) => { caption.hidden = at !== chosen; });
    const colour = (variable) => getComputedStyle(figure).getPropertyValue(variable).trim();
    const axis = { stroke: colour("--pico-muted-color"), grid: { stroke: colour("--pico-muted-border-color"), width: 1 } };
    const wide = (shown, texts) => 25 + 7 * Math.max(0, ...(texts || []).map((text) => String(text).length));
    const series = answering.map((version) => {
      const own = colour(`--plot-${(version - 1) % COLOURS}`);
      return {
        label: `version ${version}`,
        stroke: own,
        paths: () => null,
        points: { show: true, size: 6, stroke: own, fill: own },
        value: (shown, value) => (value == null ? "–" : String(value)),
      };
    });
    plot?.destroy();
    plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        scales: span ? { y: { range: span } } : {},
        series: [{ label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, ...series],
        axes: [{ ...axis, values: TICKS, space: 90 }, { ...axis, label: unit ? `${name} (${unit})` : name, size: wide }],
      },
      [times, ...answering.map((version) => values.map((value, at) => (versions[at] === version ? value : null)))],
      place,
    );
  }

  draw();
  if (select) {
    select.closest("label").hidden = false;
    select.addEventListener("change", draw);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
})();
