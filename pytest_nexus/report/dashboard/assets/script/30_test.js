// One test: outcomes, durations, failures, flakiness, neighbours, and the commits at which it changed.
const TURNS = { '.': ['passes again', 'good'], F: ['began to fail', 'bad'], E: ['began to fail with an error', 'bad'], R: ['flaked', 'warn'], s: ['is skipped', ''], x: ['fails as expected', ''], X: ['passes unexpectedly', 'warn'] };
const median = (list) => { const kept = list.filter(known).sort((a, b) => a - b); return kept.length ? kept[Math.floor(kept.length / 2)] : null; };

const outcomeCard = (cells) => frame({
  title: `Outcomes of its last ${several(cells.length, 'run', 'runs')}`, units: 'one cell for each run, the newest at the right', legend: stripLegend(),
  chart: (body) => {
    const cells_ = h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Outcomes, the newest run at the right' }, strip(cells, { width: 14, gap: 3, height: 18 }));
    body.replaceChildren(cells_);
    requestAnimationFrame(() => { cells_.scrollLeft = cells_.scrollWidth; });
  },
  columns: [{ name: 'runs ago', class: 'n', of: (at) => whole(cells.length - 1 - at) }, { name: 'outcome', of: (at) => (CELLS[cells[at]] || CELLS['?'])[2] }], rows: [...cells].map((_, at) => at).reverse(),
});

const durationCard = (found) => {
  const taken = found.map(ofDigit);
  if (!taken.some(known)) return empty('Durations', 'No duration is known', 'of its last runs.', 'half');
  return frame({
    title: 'Durations', what: 'Of the first attempt in each of its last runs, in steps of 30 %.', units: 'seconds', size: 'half',
    chart: (body, title) => plot(body, title, { lines: [{ points: taken.map((v, at) => ({ x: at - taken.length + 1, y: v })).filter((p) => known(p.y)) }], xName: 'runs ago', yName: 'seconds', xText: (v) => String(-v), yText: seconds, tall: 210 }),
    columns: [{ name: 'runs ago', class: 'n', of: (at) => whole(taken.length - 1 - at) }, { name: 'about', class: 'n', of: (at) => seconds(taken[at]) }], rows: taken.map((_, at) => at).reverse(),
  });
};

const detailCards = (more) => {
  const parts = [];
  parts.push(more.turns.length ? listed({ title: 'Where it changed', what: 'Runs whose outcome differs from the one before.', size: 'half',
    columns: [{ name: 'run (UTC)', class: 'fit', of: (r) => moment(r.at) }, { name: 'the test', class: 'fit', of: (r) => badge(...(TURNS[r.outcome] || ['changed', ''])) }, { name: 'commit', class: 'mono', of: (r) => short(r.commit) }, { name: 'branch', class: 'mid', of: (r) => branchName(r.branch) }], rows: more.turns })
    : empty('Where it changed', 'Its outcome did not change', 'in the runs of this page.', 'half'));
  parts.push(more.signatures.length ? listed({ title: 'Why it failed', what: 'Each reason, with the number of its runs.', size: 'half',
    columns: [{ name: 'reason', class: 'name-cell', of: (r) => [h('span', { class: 'long' }, cut(reasonOf(r), 600)), r.where ? h('div', { class: 'soft mono' }, cut(r.where, 200)) : ''] }, { name: 'runs', class: 'n', of: (r) => whole(r.n_runs) }, { name: 'last (UTC)', class: 'fit mid', of: (r) => moment(r.last_at) }], rows: more.signatures })
    : empty('Why it failed', 'No failure is recorded', 'in the runs of this page.', 'half'));
  parts.push(more.neighbours.length ? listed({ title: 'Fails together with', what: 'Tests that failed in the same runs.', size: 'half',
    columns: [{ name: 'test', class: 'name-cell', of: (r) => testLink(r.key) }, { name: 'together', class: 'n', of: (r) => whole(r.together) }, { name: 'its failures', class: 'n mid', of: (r) => whole(r.failures) }], rows: more.neighbours })
    : empty('Fails together with', 'No other test failed in the same runs.', '', 'half'));
  return parts;
};

const rankCard = (key, rank, why) => h('section', { class: 'card half', 'aria-labelledby': 'rank-title' },
  h('h2', { id: 'rank-title' }, 'Why it ranks where it ranks'),
  h('p', { class: 'what' }, known(rank) ? `Rank ${whole(rank)} of ${whole(tests.n)}, without regard to a change: failures expected per second.` : 'No model can rank it.'),
  why && why.length ? h('ul', null, why.map((each) => h('li', null, each))) : h('p', { class: 'soft' }, 'Nothing in its record suggests a failure.'),
  h('p', { class: 'what' }, 'In a checkout, this command takes the change into account:'),
  h('pre', { class: 'mono scroll', tabindex: 0, role: 'region', 'aria-label': 'Command' }, `nexus explain '${cut(key, 400).replaceAll("'", "'\\''")}'`));

const viewTest = (key) => {
  const at = tests.find(key);
  const back = h('p', { class: 'crumb' }, h('a', { href: '#/suite' }, '← All tests'));
  if (at === undefined) return [back, empty('No such test', 'This page has no test of this name:', cut(key, 500))];
  const given = tests.given, more = tests.more(at), status = tests.status(at), rate = more && more.flake_rate;
  const since = given.since_failure[at];
  const parts = [h('div', { class: 'lead' }, back, h('h1', { class: 'test-name' }, key || UNNAMED), h('p', { class: 'what' }, badge(status, KINDS[status]), ' ', (more && more.reason) || ''))];
  parts.push(figures([
    { name: 'expected duration', value: seconds(given.seconds[at]), note: more ? `set-up ${seconds(more.setup_s)}, call ${seconds(more.call_s)}, tear-down ${seconds(more.teardown_s)}` : '' },
    { name: 'runs', value: whole(given.runs[at]), note: `last on ${day(given.last_seen[at])}` },
    { name: 'runs that failed at first', value: whole(given.failures[at]), note: known(since) ? (since ? `${several(since, 'run', 'runs')} since the last of them` : 'the last run is one of them') : 'none is known' },
    { name: 'commits with a flake', value: whole(given.flakes[at]), note: rate ? `flakes in ${percent(rate[0])} of runs, 90 % between ${percent(rate[1])} and ${percent(rate[2])}` : '' },
    { name: 'forecast, without a change', value: known(given.p_fail[at]) ? percent(given.p_fail[at]) : NOTHING, note: 'probability that it fails' },
  ]), outcomeCard(tests.strip(at)), durationCard(tests.digits(at)), rankCard(key, given.rank[at], more && more.why));
  if (more) parts.push(...detailCards(more));
  else parts.push(empty('Failures and neighbours', 'This test has never failed', 'in the runs of this page, so there is nothing more to tell.'));
  return parts;
};
