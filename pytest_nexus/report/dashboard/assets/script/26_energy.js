// Energy: what the runs used, where it is known.
const energyFrame = (title, at, rows) => frame({ title, units: 'Wh', chart: (body, name) => timeSeries(body, name, { at: rows.map((r) => r[0]), asBars: true, text: (v) => fixed(v, 3), series: [{ name: 'Wh', values: rows.map((r) => r[1]), colour: '--c-green' }] }),
  columns: [{ name: at, of: (r) => day(r[0]) }, { name: 'Wh', class: 'n', of: (r) => fixed(r[1], 3) }], rows: [...rows].reverse() });
const viewEnergy = () => {
  const { energy } = facts, weeks = energy.wh_by_week;
  const parts = [lead('Energy', weeks.length ? energy.note : 'Electricity of the test runs, where it is known.')];
  if (!weeks.length) return [...parts, empty('Energy by week', energy.note, 'Sessions of this version record it; the seconds of the tests are in Suite and Infrastructure.')];
  return [...parts, energyFrame('Energy by week', 'week from', weeks), energyFrame('Energy by run', 'day', energy.wh_by_run)];
};
