// Suite: what it costs by day, which tests are slow, and all tests.
const timeCards = (days) => {
  if (!days.length) return [empty('Wall time and test time by day', 'No run with a recorded end.', 'Run pytest with --nexus, or add reports with nexus history import.')];
  const at = days.map((each) => each.starts_at);
  return [
    frame({
      title: 'Wall time and test time by day', units: 'seconds of all runs of a day (UTC)', size: 'half',
      chart: (body, title) => timeSeries(body, title, { at, series: [
        { name: 'test time', values: days.map((d) => d.tests_s), colour: '--c-grey', dash: [5, 4] }, { name: 'wall time', values: days.map((d) => d.wall_s), colour: '--c-blue', width: 2.4 }] }),
      columns: [{ name: 'day', class: 'fit', of: (d) => day(d.starts_at) }, { name: 'runs', class: 'n', of: (d) => whole(d.n_runs) }, { name: 'wall time', class: 'n', of: (d) => seconds(d.wall_s) }, { name: 'test time', class: 'n', of: (d) => seconds(d.tests_s) }], rows: [...days].reverse(),
    }),
    frame({
      title: 'Runs and failing runs by day', units: 'runs', size: 'half',
      chart: (body, title) => timeSeries(body, title, { at, text: whole, asBars: true, series: [
        { name: 'runs', values: days.map((d) => d.n_runs), colour: '--c-grey' }, { name: 'failing runs', values: days.map((d) => d.n_failed_runs), colour: '--c-red' }] }),
      columns: [{ name: 'day', class: 'fit', of: (d) => day(d.starts_at) }, { name: 'runs', class: 'n', of: (d) => whole(d.n_runs) }, { name: 'failing', class: 'n', of: (d) => whole(d.n_failed_runs) }], rows: [...days].reverse(),
    }),
  ];
};

const factor = (row) => (known(row.before_s) && row.before_s > 0 ? `×${(row.seconds / row.before_s).toFixed(2)}` : NOTHING);
const slowCard = (title, what, rows) => (rows.length ? frame({
  title, what, units: 'seconds, median of the last seven runs', size: 'half',
  chart: (body) => body.replaceChildren(bars(rows.slice(0, 12), { name: (r) => r.key, value: (r) => r.seconds, text: (r) => seconds(r.seconds), aside: (r) => steps(digits(r.times), 64, 16), href: (r) => (tests.find(r.key) === undefined ? null : linkTo(r.key)) })),
  columns: [{ name: 'test', class: 'name-cell', of: (r) => testLink(r.key) }, { name: 'now', class: 'n', of: (r) => seconds(r.seconds) }, { name: 'before', class: 'n', of: (r) => seconds(r.before_s) }, { name: 'now / before', class: 'n', of: factor }], rows,
}) : empty(title, 'No durations are recorded.', 'Reports without times have none.', 'half'));

const viewSuite = () => {
  const { suite } = facts;
  return [
    lead('Suite', 'Wall time is what people wait for; test time is what all workers together spend in tests.'),
    ...timeCards(suite.days), testTable(),
    slowCard('Slowest tests', 'The call of a test, without its set-up. The line shows its last runs.', suite.slowest),
    slowCard('Slowest set-ups', 'Set-ups by the test that waited for them: fixtures that others share are part of them.', suite.slowest_setups),
  ];
};
