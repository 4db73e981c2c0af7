// Selection: how much time would be saved at which cost, what was promised, what was missed.
const isShadow = (run) => run.mode.includes('shadow');
const missedNote = (selection) => (known(selection.missed)
  ? `of ${counted(selection.n_failing_runs, 'failing run')}, 95 % interval ${percent(selection.missed_low)} to ${percent(selection.missed_high)}`
  : 'no failing run in a shadow yet');

// The replay, and the share of the time that the plain order would have needed.
const replayedCurve = (replayed) => {
  const points = replayed.filter((p) => known(p.caught));
  if (!points.length) {
    return empty('Time saved against failing runs caught', 'This history was not replayed: fewer than 11 failing runs, or too many results for a page.',
      '`nexus select simulate` replays any history that has a failing run.');
  }
  return frame({
    title: 'Time saved against failing runs caught', what: 'Each point is a promise, applied to later runs only. The bar is the 95 % interval of what was caught.',
    units: 'shares of the seconds of all runs and of failing runs', size: 'half',
    chart: (body, title) => plot(body, title, {
      lines: [{ points: points.map((p) => ({ x: p.saved, y: p.caught })) }],
      points: points.map((p) => ({ x: p.saved, y: p.caught, low: p.low, high: p.high, name: hundredths(p.confidence), text: `promise ${percent(p.confidence)}: ${percent(p.caught)} of ${counted(p.n_failing_runs, 'failing run')} caught, ${percent(p.saved)} saved` })),
      xName: 'seconds saved', yName: 'failing runs caught', xText: hundredths, yText: hundredths,
    }),
    columns: [
      { name: 'promise', class: 'n', of: (r) => percent(r.confidence) },
      { name: 'failing runs', class: 'n', of: (r) => whole(r.n_failing_runs) },
      { name: 'caught', class: 'n', of: (r) => (known(r.caught) ? `${percent(r.caught)} (${percent(r.low)} to ${percent(r.high)})` : `needs ${counted(r.n_needed, 'failing run')} before it`) },
      { name: 'saved', class: 'n', of: (r) => percent(r.saved) },
      { name: 'saved in passing runs', class: 'n', of: (r) => percent(r.saved_passing) },
    ], rows: replayed,
  });
};

const budgetCurve = (curve) => (curve.length ? frame({
  title: 'Time spent against failing runs caught', what: 'If every run stopped after this share of its time, this share of the failing runs would still have shown a failure.',
  units: 'shares of test time and of failing runs', size: 'half',
  chart: (body, title) => plot(body, title, {
    lines: [{ points: curve.map((p) => ({ x: p.share_of_time, y: p.caught })) }],
    points: curve.map((p) => ({ x: p.share_of_time, y: p.caught, text: `${percent(p.share_of_time)} of the time: ${percent(p.caught)} of ${counted(p.n_failing_runs, 'failing run')}` })),
    xName: 'share of the test time', yName: 'failing runs caught', xText: hundredths, yText: hundredths,
  }),
  columns: [{ name: 'share of the time', class: 'n', of: (r) => percent(r.share_of_time) }, { name: 'caught', class: 'n', of: (r) => percent(r.caught) }, { name: 'failing runs', class: 'n', of: (r) => whole(r.n_failing_runs) }], rows: curve,
}) : empty('Time spent against failing runs caught', 'No failing run has figures about its prediction.', 'Run pytest with --nexus.'));

const realisedMisses = (realised) => (realised.length ? frame({
  title: 'Promised and realised misses', what: 'All failing runs up to each moment in which every test ran. The bar is the 95 % interval, the dashed line the promise.',
  units: 'share of failing runs', size: 'two-thirds',
  chart: (body, title) => plot(body, title, {
    lines: [
      { points: realised.filter((p) => known(p.promised)).map((p) => ({ x: p.at, y: p.promised })), colour: '--c-orange', dash: '5 4' },
      { points: realised.map((p) => ({ x: p.at, y: p.missed })) },
    ],
    points: realised.map((p) => ({ x: p.at, y: p.missed, low: p.low, high: p.high, text: `${moment(p.at)} UTC: ${whole(p.n_missed)} of ${counted(p.n_failing_runs, 'failing run')} missed` })),
    xName: 'time', yName: 'failing runs missed', xText: day, yText: hundredths, isTime: true,
  }),
  columns: [
    { name: 'up to (UTC)', class: 'fit', of: (r) => moment(r.at) },
    { name: 'failing runs', class: 'n', of: (r) => whole(r.n_failing_runs) },
    { name: 'missed', class: 'n', of: (r) => whole(r.n_missed) },
    { name: 'share', class: 'n', of: (r) => `${percent(r.missed)} (${percent(r.low)} to ${percent(r.high)})` },
    { name: 'promised at most', class: 'n', of: (r) => percent(r.promised) },
  ], rows: [...realised].reverse(),
}) : empty('Promised and realised misses', 'No failing run shows yet what a selection would miss.', 'A shadow runs every test, and records which tests would have been left out: set nexus_select and nexus_select_shadow.', 'two-thirds'));

const promises = (list) => (list.length ? listed({
  title: 'What can be promised', what: 'The evidence that the last training stored for each promise.', size: 'third',
  columns: [
    { name: 'promise', class: 'fit', of: (r) => percent(r.confidence) },
    { name: 'leaves out', of: (r) => (r.leaves_out ? 'unlikely tests' : 'nothing') },
    { name: 'failing runs', class: 'n', of: (r) => whole(r.n_failing_runs) },
    { name: 'needed', class: 'n', of: (r) => (r.n_needed ? whole(r.n_needed) : 'more than count') },
    { name: 'expires', class: 'fit mid', of: (r) => day(r.expires_at) },
  ], rows: list,
}) : empty('What can be promised', 'No promise is stored.', '`nexus train` stores the evidence; until then all tests run.', 'third'));

const selectedRuns = (runs) => (runs.length ? listed({
  title: 'Runs with selection', what: 'What was left out or, in a shadow, would have been.', units: 'newest 14',
  columns: [
    { name: 'run (UTC)', class: 'fit', of: (r) => moment(r.at) },
    { name: 'mode', class: 'mid', of: (r) => r.mode },
    { name: 'left out', class: 'n', of: (r) => whole(r.n_left) },
    { name: 'missed', class: 'n', of: (r) => whole(r.n_missed) },
    { name: 'saved', class: 'n', of: (r) => seconds(r.saved_s) },
  ], rows: [...runs].reverse().slice(0, 14),
}) : empty('Runs with selection', 'No run left tests out.', 'Begin with a shadow, which runs every test and records what would have been missed: set nexus_select and nexus_select_shadow.'));

const viewSelection = () => {
  const { selection } = facts;
  const shadows = selection.runs.filter(isShadow).length;
  const newestRun = selection.runs[selection.runs.length - 1];
  const isNewestShadow = newestRun && isShadow(newestRun) ? 'The newest run with a selection was a shadow: every test ran.' : '';
  return [
    lead('Selection', [`Selection is ${selection.state || 'off'}.`, selection.why || isNewestShadow, selection.note].filter(Boolean).join(' ')),
    figures([
      { name: 'failing runs that may be missed, as promised', value: percent(selection.promised), note: known(selection.promised) ? '' : 'no run had a promise' },
      { name: 'failing runs that were missed', value: percent(selection.missed), note: missedNote(selection) },
      { name: 'runs with selection', value: whole(selection.runs.length), note: shadows ? `${whole(shadows)} of them shadows, which ran every test` : '' },
      { name: 'time saved by selection', value: seconds(selection.runs.reduce((sum, r) => sum + (isShadow(r) ? 0 : r.saved_s), 0)) },
    ]),
    replayedCurve(selection.replayed), budgetCurve(selection.curve),
    realisedMisses(selection.realised), promises(selection.promises),
    selectedRuns(selection.runs),
  ];
};
