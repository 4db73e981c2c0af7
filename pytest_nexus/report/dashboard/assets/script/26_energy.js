// Energy: what the runs used, where it is known.
const viewEnergy = () => {
  const { energy } = facts, weeks = energy.kwh_by_week;
  const parts = [lead('Energy', 'Electricity of the test runs, where it is known.')];
  if (!weeks.length) return [...parts, empty('Energy by week', energy.note || 'No run has a figure for its energy.', 'The seconds of the tests are in Suite and Infrastructure.')];
  return [...parts, frame({ title: 'Energy by week', units: 'kWh', chart: (body, title) => timeSeries(body, title, { at: weeks.map((w) => w[0]), asBars: true, text: (v) => fixed(v, 3), series: [{ name: 'kWh', values: weeks.map((w) => w[1]), colour: '--c-green' }] }),
    columns: [{ name: 'week from', of: (w) => day(w[0]) }, { name: 'kWh', class: 'n', of: (w) => fixed(w[1], 4) }], rows: [...weeks].reverse() })];
};
