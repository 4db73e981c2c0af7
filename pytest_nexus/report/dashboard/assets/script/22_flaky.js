// Flaky: how often, at what cost, whose, until when, and which failures belong together.
const interval = (row, most) => {
  const width = 130, x = (v) => 2 + (v * (width - 4)) / most;
  return label(s('svg', { width, height: 14 },
    s('line', { class: 'axis', x1: 0, x2: width, y1: 7, y2: 7 }),
    s('line', { x1: x(row.low), x2: x(row.high), y1: 7, y2: 7, stroke: 'var(--c-orange)', 'stroke-width': 5, 'stroke-opacity': 0.45 }),
    s('circle', { cx: x(row.rate), cy: 7, r: 3.5, fill: 'var(--c-orange)' })),
  `${percent(row.rate)}, with 90 % between ${percent(row.low)} and ${percent(row.high)}`);
};
const left = (row) => {
  if (!known(row.days_left)) return 'no end';
  return row.days_left < 0 ? badge(`expired ${counted(-row.days_left, 'day')} ago`, 'bad') : badge(counted(row.days_left, 'day'), row.days_left < 7 ? 'warn' : '');
};

const flakyCard = (rows) => {
  const flakes = rows.filter((r) => r.status === 'flaky');
  if (!flakes.length) return empty('Flaky tests', 'No test is flaky.', 'Reruns show flakes: run pytest with --nexus-reruns, or look for new ones with nexus flaky hunt.');
  const most = Math.max(...flakes.map((r) => r.high || 0), 0.01);
  return listed({
    title: 'Flaky tests, the most expensive first', what: 'As nexus flaky prints them. The bar is the 90 % interval of the rate.',
    columns: [
      { name: 'test', class: 'name-cell', of: (r) => [testLink(r.key), r.owner ? h('div', { class: 'soft' }, `owner: ${cut(r.owner, 120)}`) : ''] },
      { name: 'rate', class: 'n', of: (r) => percent(r.rate) },
      { name: `0 to ${percent(most)}`, class: 'mid', of: (r) => (known(r.rate) ? interval(r, most) : NOTHING) },
      { name: 'flakes', class: 'n mid', of: (r) => `${whole(r.flakes)} in ${whole(r.runs)}` },
      { name: 'reruns', class: 'n wide', of: (r) => whole(r.reruns) },
      { name: 'red builds', class: 'n wide', of: (r) => whole(r.red_builds) },
      { name: 'cost', class: 'n', of: (r) => seconds(r.cost_s) },
      { name: 'since', class: 'fit wide', of: (r) => day(r.first_at) },
      { name: 'passes to recover', class: 'n wide', of: (r) => `${whole(r.passes)} of ${whole(r.passes_needed)}` },
    ],
    rows: flakes,
  });
};

const viewFlaky = () => {
  const { flaky } = facts;
  const counts = Object.fromEntries(flaky.counts);
  const parts = [lead('Flaky and quarantine', 'A test is flaky only if it failed and passed on the same commit in the same environment.'),
    figures([...flaky.counts.filter(([status]) => status !== 'stable').map(([status, n]) => ({ name: `${status} tests`, value: whole(n) })), { name: 'cost of all flakes', value: seconds(flaky.cost_s) }, { name: 'quarantined', value: whole(flaky.quarantine.length) }])];
  if (flaky.note) parts.push(empty('What is missing', flaky.note, ''));
  parts.push(flakyCard(flaky.tests));
  if (flaky.clusters.length) {
    parts.push(listed({
      title: 'Failures that belong together', what: 'Flaky failures with the same exception, place and message: often one cause.', size: 'two-thirds',
      columns: [
        { name: 'reason', class: 'name-cell', of: (r) => [h('span', { class: 'long' }, cut(reasonOf(r), 300)), r.where ? h('div', { class: 'soft mono' }, cut(r.where, 160)) : ''] },
        { name: 'times', class: 'n', of: (r) => whole(r.count) }, { name: 'tests', class: 'n', of: (r) => whole(r.n_tests) },
        { name: 'which', class: 'name-cell wide', of: (r) => h('ul', { class: 'plain' }, r.keys.slice(0, 3).map((key) => h('li', null, testLink(key))), r.n_tests > 3 ? h('li', { class: 'soft' }, `and ${whole(r.n_tests - 3)} more`) : '') },
      ],
      rows: flaky.clusters,
    }));
  }
  parts.push(flaky.quarantine.length ? listed({
    title: 'Quarantine', what: 'The entry that ends first stands first.', size: flaky.clusters.length ? 'third' : '',
    columns: [{ name: 'entry', class: 'name-cell', of: (r) => [testLink(r.id), h('div', { class: 'soft' }, cut([r.reason, r.issue].filter(Boolean).join(' · '), 200))] }, { name: 'owner', class: 'mid', of: (r) => cut(r.owner || NOTHING, 60) }, { name: 'ends in', class: 'fit', of: left }], rows: flaky.quarantine,
  }) : empty('Quarantine', 'No test is in quarantine.', 'nexus quarantine add keeps a flaky test from failing builds, with an owner and an end.', flaky.clusters.length ? 'third' : ''));
  const broken = flaky.tests.filter((r) => r.status === 'broken' || r.status === 'order-dependent');
  if (broken.length) {
    parts.push(listed({ title: 'Broken, or dependent on the order', what: `${whole(counts.recovered || 0)} more have recovered.`, columns: [{ name: 'test', class: 'name-cell', of: (r) => testLink(r.key) }, { name: 'status', class: 'fit', of: (r) => badge(r.status, KINDS[r.status]) }, { name: 'why', class: 'mid', of: (r) => cut(r.reason, 300) }], rows: broken.slice(0, 50) }));
  }
  return parts;
};
