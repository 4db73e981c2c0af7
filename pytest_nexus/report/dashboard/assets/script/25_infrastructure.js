// Infrastructure: where the seconds of a build went, how even its parts are, which machines are slow, what got lost.
const laneName = (lane) => [lane.session, lane.worker].filter(Boolean).join(' ') || 'session';

const ganttCard = ({ gantt }) => {
  const title = 'The newest build: what ran where, and when';
  if (!gantt || !gantt.lanes.length) return empty(title, 'No build with tests is recorded.', 'Run pytest with --nexus.');
  const lanes = gantt.lanes.map((lane) => ({ ...lane, name: laneName(lane), bars: lane.bars.map((bar) => ({ from: bar.start_s, to: bar.end_s, colour: bar.has_failed ? '--c-red' : '--c-blue', name: `${counted(bar.n_tests, 'test')}, the longest ${cut(bar.longest, 120)}` })) }));
  return frame({
    title, what: `${branchName(gantt.branch)} at ${short(gantt.commit)}, ${moment(gantt.started_at)} UTC. ${percent(gantt.idle_share)} of the time of its ${several(lanes.length, 'lane', 'lanes')} was idle. The build waited for ${gantt.waits_for || 'its only lane'}. Dashed: the lower bound, ${seconds(gantt.lower_bound_s)}; the longest test takes ${seconds(gantt.longest_test_s)}.`,
    units: 'seconds from the start of the build', chart: (body) => timeBars(body, title, lanes, { end: Math.max(gantt.wall_s, gantt.lower_bound_s), bound: gantt.lower_bound_s }),
    legend: h('ul', { class: 'legend' }, [['--c-blue', 'tests without a pause between them'], ['--c-red', 'the same, with a failure']].map(([name, text]) => h('li', null, h('i', { style: { background: `var(${name})`, height: '10px' } }), text))),
    columns: [{ name: 'lane', of: (r) => cut(r.name, 80) }, { name: 'tests', class: 'n', of: (r) => whole(r.n_tests) }, { name: 'busy', class: 'n', of: (r) => seconds(r.busy_s) }, { name: 'starts', class: 'n', of: (r) => seconds(r.start_s) }, { name: 'ends', class: 'n', of: (r) => seconds(r.end_s) }, { name: 'idle', class: 'n', of: (r) => percent(Math.max(0, 1 - r.busy_s / gantt.wall_s)) }], rows: lanes,
  });
};

const balanceCard = ({ balance }) => {
  const ratio = (r) => (r.mean_s > 0 ? r.longest_s / r.mean_s : null);
  if (!balance.length) return empty('Balance of shards and workers', 'No build with several lanes is recorded.', 'Shards or xdist workers make lanes: pytest --nexus -n 2.', 'half');
  return frame({
    title: 'Balance of shards and workers', what: 'Seconds of the longest lane over the mean of all lanes; 1 is a perfect division.', units: 'ratio', size: 'half',
    chart: (body, title) => timeSeries(body, title, { at: balance.map((r) => r.at), text: (v) => fixed(v, 2), from: null, series: [{ name: 'longest / mean', values: balance.map(ratio), colour: '--c-blue' }] }),
    columns: [{ name: 'build (UTC)', class: 'fit', of: (r) => moment(r.at) }, { name: 'lanes', class: 'n', of: (r) => whole(r.n_lanes) }, { name: 'longest', class: 'n', of: (r) => seconds(r.longest_s) }, { name: 'mean', class: 'n', of: (r) => seconds(r.mean_s) }, { name: 'ratio', class: 'n', of: (r) => fixed(ratio(r), 3) }], rows: [...balance].reverse(),
  });
};

const lostCard = ({ reliability: lost }) => {
  const rows = [
    ['workers that crashed', lost.crashed_workers], ['sessions without a recorded end', lost.unfinished_runs], ['sessions that did not run all their tests', lost.incomplete_runs],
    ...lost.refused_artifacts.map(([status, n]) => [`artifacts: ${status}`, n]), ...lost.pending.map(([where, why]) => [`${where}: ${why}`, null]),
  ].filter(([, n]) => n !== 0);
  return rows.length ? listed({ title: 'Lost or damaged', what: 'What is missing in the figures of this page.', size: 'half', columns: [{ name: 'what', class: 'name-cell', of: (r) => cut(r[0], 300) }, { name: 'how many', class: 'n', of: (r) => whole(r[1]) }], rows })
    : empty('Lost or damaged', 'Nothing is missing:', 'no worker crashed, every session wrote its end, and no artifact was refused.', 'half');
};

const viewInfrastructure = () => {
  const { machines } = facts;
  const parts = [lead('Infrastructure', 'Where the seconds of a build go: workers, shards, machines, reruns, lost journals.'),
    figures([
      { name: 'test time in all runs', value: seconds(machines.tests_s) },
      { name: 'repeated attempts', value: seconds(machines.rerun_s), note: `${counted(machines.n_reruns, 'rerun')}, ${percent(machines.tests_s ? machines.rerun_s / machines.tests_s : null)} of the test time` },
      { name: 'results reused', value: machines.reusable_tests ? percent(machines.reused_tests / machines.reusable_tests) : NOTHING, note: machines.reusable_tests ? `${whole(machines.reused_tests)} of ${counted(machines.reusable_tests, 'test')}` : 'no run could reuse results' },
      machines.gantt ? { name: 'idle share of the newest build', value: percent(machines.gantt.idle_share), note: `lower bound ${seconds(machines.gantt.lower_bound_s)} of ${seconds(machines.gantt.wall_s)}` } : null,
    ]), ganttCard(machines), balanceCard(machines), lostCard(machines)];
  if (machines.groups.length) {
    parts.push(listed({
      title: 'By job, Python, platform and workers', what: 'Runs of one kind need not have the same tests: compare with care.',
      columns: [{ name: 'kind', class: 'fit', of: (r) => r.kind }, { name: 'name', class: 'name-cell', of: (r) => cut(r.name || 'unknown', 80) }, { name: 'runs', class: 'n', of: (r) => whole(r.n_runs) }, { name: 'failing', class: 'n', of: (r) => percent(r.failed_share) }, { name: 'wall time, median', class: 'n', of: (r) => seconds(r.median_wall_s) }, { name: 'test time, mean', class: 'n mid', of: (r) => seconds(r.mean_tests_s) }], rows: machines.groups,
    }));
  }
  return parts;
};
