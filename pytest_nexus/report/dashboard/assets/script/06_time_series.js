// Figures over time, drawn by uPlot on a canvas.
const DAY_S = 86400;
const ROUND_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 36000, 72000, 180000, 360000];
const dates = (_, found) => {
  const isFine = found.length > 1 && found[1] - found[0] < DAY_S;
  return found.map((v) => (isFine ? moment(v).slice(11) : moment(v).slice(5, 10)));
};

const timeSeries = (body, title, { at, series, text = seconds, height = 190, asBars = false, from = 0, marks = [] }) => when(body, () => {
  const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const one = (each) => {
    const stroke = colour(each.colour);
    const shape = asBars ? { paths: uPlot.paths.bars({ size: [0.7, 26] }), fill: stroke, points: { show: false } }
      : { points: { show: at.length < 60, size: 4, fill: stroke }, dash: each.dash };
    return { label: each.name, stroke, width: each.width || 1.8, value: (_, v) => text(v), spanGaps: true, ...shape };
  };
  const upright = (u) => marks.forEach((mark) => {
    const x = u.valToPos(mark.at, 'x', true);
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    u.ctx.save();
    u.ctx.strokeStyle = colour('--c-purple'); u.ctx.setLineDash([4, 4]); u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top); u.ctx.lineTo(x, u.bbox.top + u.bbox.height); u.ctx.stroke(); u.ctx.restore();
  });
  const range = (u, low, high) => {
    const wide = extent([low, high], from), air = 0.06 * (wide[1] - wide[0]);
    return [from === null ? wide[0] - air : wide[0], wide[1] + air];
  };
  body.replaceChildren();
  const made = new uPlot({
    width: Math.max(240, body.clientWidth), height,
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), 'Etc/UTC'),
    cursor: { drag: { x: true, y: false } },
    scales: { x: { time: true, range: (u, low, high) => { const air = asBars || low === high ? DAY_S / 2 : 0; return [low - air, high + air]; } }, y: { range } },
    axes: [{ ...axis, values: dates, size: 30 }, { ...axis, size: 62, values: (u, found) => found.map((v) => text(v)), ...(text === seconds ? { incrs: ROUND_S } : {}) }],
    series: [{ label: 'UTC', value: (_, v) => moment(v) }, ...series.map(one)],
    hooks: { draw: [upright], ready: [(u) => u.setLegend({ idx: at.length - 1 })] },
  }, [at, ...series.map((each) => each.values)], body);
  label(made.root.querySelector('canvas'), `${title}: ${series.map((each) => each.name).join(', ')} at ${counted(at.length, 'point')} in time`);
});
