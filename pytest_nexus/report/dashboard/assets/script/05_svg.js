// Charts by hand: sparkline, strip, bars, time bars of workers, heat map, calibration plot.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const label = (svg, text) => { svg.setAttribute('role', 'img'); svg.setAttribute('aria-label', shown(text)); return svg; };
const extent = (values, from = null) => {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (known(v)) { if (v < low) low = v; if (v > high) high = v; }
  if (low > high) return [0, 1];
  if (from !== null) low = Math.min(low, from);
  return low === high ? [low - (low ? 0.1 * Math.abs(low) : 0), high + (high ? 0.1 * Math.abs(high) : 1)] : [low, high];
};

const sparkline = (values, name, width = 84, height = 24) => {
  const kept = values.filter(known);
  const [low, high] = extent(kept);
  const x = (at) => 2 + (at * (width - 5)) / Math.max(1, kept.length - 1);
  const y = (v) => height - 3 - ((v - low) * (height - 6)) / (high - low);
  const path = kept.map((v, at) => `${at ? 'L' : 'M'}${x(at).toFixed(1)} ${y(v).toFixed(1)}`).join('');
  return label(s('svg', { width, height, viewBox: `0 0 ${width} ${height}` },
    s('path', { d: path, fill: 'none', stroke: 'var(--c-blue)', 'stroke-width': 1.4, 'stroke-linejoin': 'round' }),
    s('circle', { cx: x(kept.length - 1), cy: y(kept[kept.length - 1]), r: 2.2, fill: 'var(--c-blue)' })),
  `trend of ${name}, ${counted(kept.length, 'point')}`);
};

// One cell for each run, the oldest first. Each outcome has its colour and its own height.
const CELLS = {
  '.': ['pass', 5, 'passed'], F: ['fail', 14, 'failed'], E: ['fail', 14, 'error'], R: ['flaky', 10, 'failed, then passed'],
  M: ['fail', 14, 'mass failure'], s: ['skip', 2, 'skipped'], x: ['skip', 4, 'failed as expected'], X: ['other', 8, 'passed unexpectedly'],
  '?': ['other', 3, 'not finished'],
};
const strip = (cells, { width = 3, gap = 1, height = 16, what = 'run' } = {}) => {
  const paths = {};
  const counts = {};
  for (let at = 0; at < cells.length; at += 1) {
    const [name, tall, word] = CELLS[cells[at]] || CELLS['?'];
    const top = height - 1 - tall;
    paths[name] = `${paths[name] || ''}M${at * (width + gap)} ${top}h${width}v${tall}h-${width}z`;
    counts[word] = (counts[word] || 0) + 1;
  }
  const wide = Math.max(1, cells.length * (width + gap));
  const svg = s('svg', { class: 'strip', width: wide, height, viewBox: `0 0 ${wide} ${height}` },
    Object.entries(paths).map(([name, d]) => s('path', { class: name, d })));
  const said = Object.entries(counts).map(([word, n]) => `${n} ${word}`).join(', ');
  return label(svg, `last ${counted(cells.length, what)}: ${said}`);
};
const stripLegend = () => h('ul', { class: 'legend', 'aria-label': 'Cells of a strip, the newest run at the right' },
  ['.', 'F', 'R', 's', 'X'].map((cell) => h('li', null,
    s('svg', { class: 'strip', width: 4, height: 16, 'aria-hidden': 'true' },
      s('rect', { class: CELLS[cell][0], x: 0, y: 15 - CELLS[cell][1], width: 4, height: CELLS[cell][1] })),
    CELLS[cell][2])));

// The durations of a test: digits of a logarithmic scale.
const steps = (found, width = 92, height = 18) => {
  const kept = found.filter(known);
  if (kept.length < 2) return '';
  const low = Math.min(...kept), span = Math.max(6, Math.max(...kept) - low);
  const d = kept.map((v, at) => `${at ? 'L' : 'M'}${(1 + (at * (width - 2)) / (kept.length - 1)).toFixed(1)} ${(height - 2 - ((v - low) * (height - 4)) / span).toFixed(1)}`).join('');
  return s('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' }, s('path', { d, fill: 'none', stroke: 'var(--c-blue)', 'stroke-width': 1.2 }));
};

const bars = (rows, { name, value, text, href, aside }) => {
  const most = Math.max(...rows.map(value), 1e-12);
  return h('div', null, rows.map((row) => h('div', { class: aside ? 'bar-row three' : 'bar-row' },
    h('div', null,
      h('div', { class: 'ellipsis' }, href ? h('a', { href: href(row) }, cut(name(row), 160)) : cut(name(row), 160)),
      h('div', { class: 'track' }, h('i', { style: { width: `${(100 * value(row)) / most}%` } }))),
    aside ? h('div', { class: 'aside' }, aside(row)) : '',
    h('div', { class: 'n' }, text(row)))));
};

const ticks = (low, high, count) => {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((each) => each >= raw) || power;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push(Math.abs(at) < step * 1e-6 ? 0 : at);
  return found;
};

// Time bars: one row for each worker or shard, one bar for each piece of work.
const timeBars = (body, title, rows, { end, bound }) => when(body, () => {
  const width = Math.max(280, body.clientWidth), left = width < 500 ? 74 : 120, tall = 20, top = 18;
  const height = top + rows.length * tall + 6;
  const x = (t) => left + (t * (width - left - 8)) / end;
  const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, width, height });
  for (const t of ticks(0, end, Math.min(8, width / 110))) {
    svg.append(s('line', { class: 'axis', x1: x(t), x2: x(t), y1: top - 3, y2: height - 4 }),
      s('text', { x: x(t), y: 11, 'text-anchor': t > end * 0.94 ? 'end' : 'middle' }, seconds(t)));
  }
  rows.forEach((row, at) => {
    const y = top + at * tall;
    svg.append(s('text', { x: 0, y: y + 13 }, cut(row.name, width < 500 ? 11 : 18)));
    for (const bar of row.bars) {
      svg.append(s('rect', { x: x(bar.from), y: y + 2, width: Math.max(0.6, x(bar.to) - x(bar.from) - (x(bar.to) - x(bar.from) > 3 ? 0.6 : 0)),
        height: tall - 6, rx: 1, fill: `var(${bar.colour})` },
      s('title', null, `${cut(bar.name, 200)}: ${seconds(bar.to - bar.from)} from ${seconds(bar.from)}`)));
    }
  });
  if (bound) svg.append(s('line', { class: 'ideal', x1: x(bound), x2: x(bound), y1: top - 4, y2: height - 3, 'stroke-width': 1.5 }));
  body.replaceChildren(label(svg, `${title}: ${counted(rows.length, 'row')} of ${seconds(end)}`));
});

const heatMap = (body, title, { rows, columns, value, text, steps }) => when(body, () => {
  const width = Math.max(280, body.clientWidth), left = Math.min(190, width * 0.42), tall = 20, top = 20;
  const wide = Math.min(96, (width - left - 4) / columns.length), height = top + rows.length * tall + 4;
  const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, width, height });
  const every = Math.ceil(78 / wide);
  columns.forEach((column, at) => {
    if (at % every === 0) svg.append(s('text', { x: left + at * wide, y: 12 }, column));
  });
  rows.forEach((row, at) => {
    svg.append(s('text', { x: 0, y: top + at * tall + 14 }, cut(row, Math.floor(left / 6.1))));
    columns.forEach((column, place) => {
      const found = value(at, place);
      const step = known(found) ? steps.filter((limit) => found >= limit).length : -1;
      const shade = ['var(--cell-none)', 'var(--c-sky)', 'var(--c-orange)', 'var(--c-red)'][step];
      svg.append(s('rect', { x: left + place * wide + 0.5, y: top + at * tall + 1, width: wide - 1, height: tall - 2, rx: 2,
        fill: step < 0 ? 'none' : shade, stroke: step < 0 ? 'var(--line)' : 'none' },
      s('title', null, `${row}, ${column}: ${text(found)}`)));
      if (step > 0 && wide > 34) {
        svg.append(s('text', { x: left + (place + 0.5) * wide, y: top + at * tall + 14, 'text-anchor': 'middle', class: 'cell' }, text(found)));
      }
    });
  });
  body.replaceChildren(label(svg, `${title}: ${rows.length} by ${columns.length} cells`));
});

// Points of a plot with two axes from 0 to a limit; sizes tell how many observations a point has.
const plot = (body, title, { lines, points = [], ideal = false, xName, yName, xText = percent, yText = percent, log = false, marks = [], note, tall = 300, isTime = false }) => when(body, () => {
  const width = Math.min(Math.max(280, body.clientWidth), ideal ? 640 : 4000), height = Math.min(tall, width * 0.62), left = 52, low = height - 34, top = 10;
  const all = [...points, ...lines.flatMap((line) => line.points)];
  const xs = extent(all.map((p) => p.x), log || isTime ? null : 0), ys = extent([...all.map((p) => p.y), ...points.map((p) => (log ? null : p.high))], log ? null : 0);
  if (isTime) { xs[0] = Math.min(...all.map((p) => p.x)) - 43200; xs[1] = Math.max(...all.map((p) => p.x)) + 43200; }
  if (ideal) { xs[0] = ys[0] = Math.min(xs[0], ys[0]); xs[1] = ys[1] = Math.max(xs[1], ys[1]); }
  const to = (v) => (log ? Math.log10(Math.max(v, 1e-9)) : v);
  const x = (v) => left + ((to(v) - to(xs[0])) * (width - left - 14)) / (to(xs[1]) - to(xs[0]) || 1);
  const y = (v) => low - ((to(v) - to(ys[0])) * (low - top)) / (to(ys[1]) - to(ys[0]) || 1);
  const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, width, height });
  const at = (range, count) => (log ? ticks(to(range[0]), to(range[1]), 4).map((e) => 10 ** e) : ticks(range[0], range[1], count));
  for (const t of at(ys, 5)) svg.append(s('line', { class: 'axis', x1: left, x2: width - 14, y1: y(t), y2: y(t) }), s('text', { x: left - 6, y: y(t) + 4, 'text-anchor': 'end' }, yText(t)));
  for (const t of at(xs, isTime ? width / 130 : 5)) svg.append(s('text', { x: x(t), y: low + 14, 'text-anchor': x(t) > width - 30 ? 'end' : 'middle' }, xText(t)));
  svg.append(s('text', { x: width - 14, y: height - 4, 'text-anchor': 'end' }, xName), s('text', { x: left, y: height - 4 }, yName ? `↑ ${yName}` : ''));
  if (ideal) svg.append(s('line', { class: 'ideal', x1: x(xs[0]), y1: y(ys[0]), x2: x(xs[1]), y2: y(ys[1]) }));
  for (const line of lines) {
    svg.append(s('path', { d: line.points.map((p, i) => `${i ? 'L' : 'M'}${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`).join(''), fill: 'none',
      stroke: `var(${line.colour || '--c-blue'})`, 'stroke-width': 2, 'stroke-dasharray': line.dash || null, 'stroke-linejoin': 'round' }));
  }
  for (const p of points) if (p.high > 0) svg.append(s('line', { x1: x(p.x), x2: x(p.x), y1: y(Math.max(p.low, ys[0])), y2: y(Math.min(p.high, ys[1])), stroke: 'var(--c-blue)', 'stroke-opacity': 0.4, 'stroke-width': 2 }));
  for (const p of points) svg.append(s('circle', { cx: x(p.x), cy: y(p.y), r: p.r || 3, fill: 'var(--c-blue)', 'fill-opacity': 0.75, stroke: 'var(--card)' }, s('title', null, p.text)), p.name ? s('text', { x: x(p.x) + (x(p.x) > width - 60 ? -6 : 6), y: y(p.y) + (y(p.y) < top + 14 ? 14 : -6), 'text-anchor': x(p.x) > width - 60 ? 'end' : 'start' }, p.name) : '');
  for (const m of marks) svg.append(s('line', { class: 'ideal', x1: x(m.x), x2: x(m.x), y1: top, y2: low }), s('text', { x: x(m.x) + 4, y: top + 10 }, m.text));
  body.replaceChildren(label(svg, note || title));
});
