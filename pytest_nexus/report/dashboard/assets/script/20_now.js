// Now: is the newest build of each branch good, what is new, what does it cost, what was saved.
const SAVED = [
  ['order_s', 'order', 'How much sooner first failures came than in collection order.'], ['shards_s', 'shards', 'Seconds of all sessions of a divided build, minus the longest session.'],
  ['workers_s', 'workers', 'Seconds of tests minus wall seconds, in sessions with workers.'],
  ['reuse_s', 'reused results', 'Expected seconds of tests whose result was known.'], ['selection_s', 'selection', 'Expected seconds of tests that were left out as unlikely to fail.'],
];
const savedIn = (week) => SAVED.reduce((sum, [name]) => sum + (week.saved[name] || 0), 0);
const VERDICTS = { passed: 'good', failed: 'bad', 'mass failure': 'bad', 'not finished': 'warn' };
const verdictOf = (row) => badge(row.verdict === 'failed' ? counted(row.n_failed, 'failure') : row.verdict, VERDICTS[row.verdict]);
const branchName = (branch) => cut(branch || 'unknown branch', 80);
const several = (number, one, many) => `${whole(number)} ${number === 1 ? one : many}`;

const headline = () => {
  const { branches, n_failing: failing } = facts.now;
  const [first, ...others] = branches;
  if (!first) return lead('No run is recorded yet', 'Run pytest with --nexus, then make this page again.');
  const word = { passed: 'passes', failed: `has ${counted(first.n_failed, 'failure')}`, 'mass failure': 'broke down: a mass failure', 'not finished': 'did not finish' }[first.verdict];
  const red = others.filter((each) => each.verdict !== 'passed').length;
  return lead(`${branchName(first.branch)} ${word}${red ? `; ${several(red, 'other branch is', 'other branches are')} not green` : ''}`,
    `Newest build ${moment(first.started_at)} UTC at ${short(first.commit)}. ${failing ? `${several(failing, 'test fails', 'tests fail')} at the end of a branch.` : 'No test fails at the end of a branch.'}`);
};

const weekFigures = (weeks) => {
  if (!weeks.length) return '';
  const now = weeks[weeks.length - 1], before = weeks[weeks.length - 2];
  const trend = (of) => weeks.map(of);
  const share = (week) => (week.n_runs ? week.n_failed_runs / week.n_runs : null);
  const than = (of, text) => (before ? `${text(of(before))} the week before` : '');
  const figure = (name, of, text, note) => ({ name, value: text(of(now)), trend: trend(of), note: note || than(of, text) });
  return figures([
    figure('Failing runs this week', share, percent, `${whole(now.n_failed_runs)} of ${counted(now.n_runs, 'run')}`),
    figure('Wall time of the runs this week', (w) => w.wall_s, seconds),
    figure('Cost of flaky tests this week', (w) => w.flaky_s, seconds),
    figure('Time saved this week', savedIn, seconds),
  ]);
};

// Failures that began in the same run of a branch have one change behind them.
const together = (failures) => {
  const groups = new Map();
  for (const each of failures) {
    const name = `${each.branch} ${each.commit || each.since}`;
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(each);
  }
  return [...groups.values()];
};
const isNew = (r) => r.n_runs === 1 && facts.newest_at - r.since < 3 * 86400;
const failedTests = (group) => [
  group.slice(0, 5).map((r) => h('div', null, testLink(r.key), r.owner ? h('span', { class: 'soft' }, ` · ${cut(r.owner, 100)}`) : '')),
  group.length > 5 ? h('div', { class: 'soft' }, `and ${several(group.length - 5, 'more test', 'more tests')}`) : '',
  [...new Set(group.map(reasonOf))].slice(0, 2).map((reason) => h('div', { class: 'soft' }, h('span', { class: 'long' }, cut(reason, 300)))),
];
const suspectsOf = (group) => {
  const names = [...new Set(group.flatMap((r) => r.suspects))];
  return names.length ? h('ul', { class: 'plain mono' }, names.slice(0, 6).map((each) => h('li', null, cut(each, 120)))) : h('span', { class: 'soft' }, 'no changed file recorded');
};

const viewNow = () => {
  const { now } = facts;
  const parts = [headline(), weekFigures(now.weeks)];
  if (now.new_failures.length) {
    const groups = together(now.new_failures);
    parts.push(listed({
      title: 'Failing now', what: `Tests that fail at the end of a branch, those that began at the same commit together; the newest first.${now.n_failing > now.new_failures.length ? ` The first ${whole(now.new_failures.length)} of ${whole(now.n_failing)} tests.` : ''}`,
      columns: [
        { name: 'tests', class: 'name-cell', of: failedTests },
        { name: 'since', class: 'fit', of: ([r]) => [isNew(r) ? badge('new', 'bad') : counted(r.n_runs, 'run'), h('div', { class: 'soft' }, moment(r.since))] },
        { name: 'branch', class: 'mid', of: ([r]) => branchName(r.branch) },
        { name: 'commit', class: 'fit mono wide', of: ([r]) => short(r.commit) },
        { name: 'suspects: files of the change', class: 'name-cell wide', of: suspectsOf },
      ],
      rows: groups.slice(0, 20),
    }));
  } else if (now.branches.length) parts.push(empty('Failing now', 'No test fails', 'in the newest build of any branch.'));
  if (now.branches.length) {
    parts.push(listed({
      title: 'Newest build of each branch', what: 'A cell is one build of the branch, the newest at the right.', size: 'two-thirds',
      columns: [
        { name: 'branch', class: 'name-cell', of: (r) => branchName(r.branch) },
        { name: 'verdict', class: 'fit', of: verdictOf },
        { name: 'builds', class: 'mid', of: (r) => strip(r.recent, { what: 'build' }) },
        { name: 'tests', class: 'n mid', of: (r) => whole(r.n_tests) },
        { name: 'wall time', class: 'n', of: (r) => seconds(r.wall_s) },
        { name: 'commit', class: 'fit mono wide', of: (r) => short(r.commit) },
        { name: 'at (UTC)', class: 'fit wide', of: (r) => moment(r.started_at) },
      ],
      rows: now.branches,
    }));
    parts.push(savedCard(now.weeks));
    parts.push(deliveryCard());
  }
  return parts;
};

// The four key figures of delivery, with their 95 % intervals; as `nexus outcome report` prints them.
const perWeek = (value) => (known(value) ? value.toFixed(1) : NOTHING);
const span = (value) => {
  if (!known(value)) return NOTHING;
  const hours = value / 3600;
  return hours >= 48 ? `${(hours / 24).toFixed(1)} days` : `${hours.toFixed(1)} hours`;
};
const around = (value, bounds, text) => [text(value), bounds ? h('div', { class: 'soft' }, `${text(bounds[0])} to ${text(bounds[1])}`) : ''];
const deliveryCard = () => {
  const { delivery } = facts;
  if (!delivery.length) return empty('Deployments', 'No deployment is known.', 'Let the pipeline call `nexus outcome record`, or take the deployments on GitHub in with `nexus outcome pull`: then the four key figures of delivery stand here.');
  return listed({
    title: 'Deployments', what: 'The four key figures of delivery, each with its 95 % interval.',
    columns: [
      { name: 'environment', class: 'name-cell', of: (r) => cut(r.environment, 80) },
      { name: 'deployments', class: 'n mid', of: (r) => whole(r.deployments) },
      { name: 'a week', class: 'n', of: (r) => around(r.per_week, r.per_week_range, perWeek) },
      { name: 'lead time', class: 'n', of: (r) => around(r.lead_time_s, r.lead_time_range, span) },
      { name: 'change failure rate', class: 'n', of: (r) => around(r.change_failure_rate, r.change_failure_range, percent) },
      { name: 'time to restore', class: 'n', of: (r) => around(r.time_to_restore_s, r.time_to_restore_range, span) },
    ],
    rows: delivery,
  });
};

const savedCard = (weeks) => {
  const rows = SAVED.map(([name, word, note]) => {
    const found = weeks.map((week) => week.saved[name]).filter(known);
    return { word, note, seconds: found.length ? found.reduce((sum, v) => sum + v, 0) : null };
  });
  if (!rows.some((each) => known(each.seconds))) {
    return empty('Time saved', 'No saved time is known.', 'Order, shards, workers, reruns, reuse and selection each leave their figures in a run: turn one on, and run pytest with --nexus.', 'third');
  }
  return frame({
    title: 'Time saved', what: `By each feature, in ${several(weeks.length, 'week', 'weeks')}.`, units: 'seconds', size: 'third',
    chart: (body) => body.replaceChildren(bars(rows, { name: (r) => r.word, value: (r) => Math.max(0, r.seconds || 0), text: (r) => (known(r.seconds) ? seconds(r.seconds) : 'not known') })),
    columns: [{ name: 'feature', of: (r) => r.word }, { name: 'saved', class: 'n', of: (r) => seconds(r.seconds) }, { name: 'how it is counted', of: (r) => r.note }], rows,
  });
};
