// Model: which versions there were, how good each is, whether its probabilities hold, what it goes by, what drifts.
const versionText = (version) => cut(version, 16);
const hundredths = (v) => `${Math.round(100 * v)} %`;
const tenths = (v) => `${Number((100 * v).toPrecision(1))} %`;

const qualityCard = ({ quality, deployments, best_simple: simple }) => {
  const rows = quality.filter((each) => known(each.apfdc));
  if (!rows.length) return empty('How early failures come', 'No failing run has figures about its prediction.', 'They are stored when a run that nexus ordered is taken in: run pytest with --nexus.');
  const line = (name, of, rest) => ({ name, values: rows.map(of), ...rest });
  return frame({
    title: 'How early failures come', what: `APFDc of the order in which tests ran, against collection order${simple ? ` and ${simple}, the best simple order` : ''}; 1 is best. Dashed uprights: another model was deployed.`,
    units: 'APFDc of runs with a failure', chart: (body, title) => timeSeries(body, title, { at: rows.map((r) => r.at), text: (v) => fixed(v, 2), height: 220, from: null, marks: deployments,
      series: [line('nexus', (r) => r.apfdc, { colour: '--c-blue', width: 2.4 }), line(simple || 'simple order', (r) => r.apfdc_simple, { colour: '--c-orange', dash: [6, 4], width: 1.3 }), line('collection order', (r) => r.apfdc_collection, { colour: '--c-grey', dash: [2, 3], width: 1.3 })] }),
    columns: [{ name: 'run (UTC)', class: 'fit', of: (r) => moment(r.at) }, { name: 'model', class: 'mono', of: (r) => versionText(r.model) }, { name: 'failed', class: 'n', of: (r) => `${whole(r.n_failed)} of ${whole(r.n_tests)}` },
      { name: 'nexus', class: 'n', of: (r) => fixed(r.apfdc, 3) }, { name: simple || 'simple order', class: 'n', of: (r) => fixed(r.apfdc_simple, 3) }, { name: 'collection', class: 'n', of: (r) => fixed(r.apfdc_collection, 3) },
      { name: 'first failure', class: 'n', of: (r) => seconds(r.first_failure_s) }, { name: 'Brier', class: 'n', of: (r) => fixed(r.brier, 4) }, { name: 'log loss', class: 'n', of: (r) => fixed(r.log_loss, 4) }], rows: [...rows].reverse(),
  });
};

const reliabilityCard = ({ reliability }) => {
  const drawnBins = reliability.filter((bin) => bin.predicted > 0 && bin.failed > 0);
  if (!drawnBins.length) return empty('Do the probabilities hold?', 'Too few predictions are recorded.', 'Each run with --nexus and a history adds its predictions.', 'half');
  const most = Math.max(...reliability.map((bin) => bin.n_tests));
  return frame({
    title: 'Do the probabilities hold?', what: 'Predicted probability of a failure against the share that failed, with its 90 % interval; equal on the dashed line. A larger point stands for more tests.',
    units: 'share of tests, logarithmic axes', size: 'half',
    chart: (body, title) => plot(body, title, { ideal: true, log: true, lines: [], xName: 'predicted', yName: 'failed', xText: tenths, yText: tenths,
      points: drawnBins.map((bin) => ({ x: bin.predicted, y: bin.failed, low: bin.low, high: bin.high, r: 3 + 8 * (Math.log10(1 + bin.n_tests) / Math.log10(1 + most)), text: `${counted(bin.n_tests, 'test')}: predicted ${percent(bin.predicted)}, failed ${percent(bin.failed)}` })) }),
    columns: [{ name: 'tests', class: 'n', of: (r) => whole(r.n_tests) }, { name: 'predicted', class: 'n', of: (r) => percent(r.predicted) }, { name: 'failed', class: 'n', of: (r) => percent(r.failed) }, { name: '90 % interval', class: 'n', of: (r) => `${percent(r.low)} to ${percent(r.high)}` }], rows: reliability,
  });
};

const driftCard = ({ drift }) => {
  const title = 'What drifts';
  if (!drift.cells.length) return empty(title, drift.note || 'Too few runs with predictions to compare.', '`nexus model check` says what is needed.', 'half');
  const starts = [...new Set(drift.cells.map((cell) => cell.starts_at))].sort((a, b) => a - b);
  const found = new Map(drift.cells.map((cell) => [`${cell.feature} ${cell.starts_at}`, cell.psi]));
  const psi = (row, at) => found.get(`${drift.features[row].feature} ${starts[at]}`);
  return frame({
    title, what: `Population stability index of each feature, against the ${several(drift.n_reference_runs, 'run', 'runs')} of the training. From 0.25 on, the distribution has moved.${drift.features.length > 14 ? ' The 14 features that moved most; the table has all.' : ''}`,
    size: 'half', units: 'population stability index; a column is a group of runs', chart: (body) => heatMap(body, title, { rows: drift.features.slice(0, 14).map((each) => each.feature), columns: starts.map((at) => day(at).slice(5)), steps: [0.1, 0.25, 1], value: psi, text: (v) => fixed(v, 2) }),
    legend: h('ul', { class: 'legend' }, [['--cell-none', 'below 0.1'], ['--c-sky', '0.1 to 0.25'], ['--c-orange', '0.25 to 1'], ['--c-red', '1 and more']].map(([name, text]) => h('li', null, h('i', { style: { background: `var(${name})`, height: '10px' } }), text))),
    columns: [{ name: 'feature', of: (at) => drift.features[at].feature }, { name: 'newest runs', class: 'n', of: (at) => fixed(drift.features[at].psi, 3) }, { name: 'p', class: 'n', of: (at) => fixed(drift.features[at].p, 4) }, ...starts.map((from, place) => ({ name: day(from), class: 'n', of: (at) => fixed(psi(at, place), 3) }))], rows: drift.features.map((_, at) => at),
  });
};

const findingsCard = ({ drift }) => (drift.findings.length ? listed({
  title: 'What nexus model check found', what: drift.advice,
  columns: [{ name: 'what', of: (r) => r.subject }, { name: 'measure', class: 'mid', of: (r) => r.measure }, { name: 'value', class: 'n', of: (r) => fixed(r.value, 3) }, { name: 'threshold', class: 'n', of: (r) => fixed(r.threshold, 3) }, { name: 'since (UTC)', class: 'fit', of: (r) => moment(r.since) }, { name: 'in words', class: 'wide', of: (r) => r.sentence }], rows: drift.findings,
}) : '');

const versionCards = ({ versions, deployments }) => [
  listed({ title: 'Versions', what: 'Every model of this history; its figures are those of its training.', size: 'half',
    columns: [{ name: 'version', class: 'mono', of: (r) => versionText(r.version) }, { name: 'role', class: 'fit', of: (r) => [r.alias ? badge(r.alias, r.alias === 'champion' ? 'good' : '') : '', r.note ? badge(r.note, 'warn') : ''] },
      { name: 'trained', class: 'fit mid', of: (r) => day(r.created_at) }, { name: 'failing runs', class: 'n', of: (r) => whole(r.n_failing_runs) }, { name: 'APFDc', class: 'n', of: (r) => fixed(r.apfdc, 3) }, { name: 'incumbent', class: 'n', of: (r) => fixed(r.apfdc_incumbent, 3) }], rows: [...versions].reverse() }),
  deployments.length ? listed({ title: 'Deployments', what: 'When another model began to decide the order.', size: 'half',
    columns: [{ name: 'at (UTC)', class: 'fit', of: (r) => moment(r.at) }, { name: 'version', class: 'mono', of: (r) => versionText(r.version) }, { name: 'how', class: 'fit', of: (r) => badge(r.kind, r.kind === 'promoted' ? 'good' : 'warn') }, { name: 'note', class: 'mid', of: (r) => r.note }], rows: [...deployments].reverse() })
    : empty('Deployments', 'The shipped model decides the order.', 'nexus train deploys a model of the project as soon as one proves better.', 'half'),
];

const distilled = ({ student, teacher }) => (student
  ? `The deployed model is student ${student} of teacher ${versionText(teacher)}; their comparison at the training.`
  : 'The deployed model is a small student of large trees; their comparison at the training.');

const viewModel = () => {
  const { model } = facts;
  const champion = model.versions.find((each) => each.alias === 'champion');
  const parts = [lead('Model', model.note || (champion ? `Version ${versionText(champion.version)} decides the order. ${model.drift.is_drifting ? model.drift.advice : 'Nothing drifts, as far as the runs show.'}` : ''))];
  parts.push(figures([
    { name: 'APFDc, mean of failing runs', value: fixed(model.mean_apfdc, 3), trend: model.quality.map((q) => q.apfdc) },
    { name: model.best_simple ? `APFDc of ${model.best_simple}` : 'APFDc of the best simple order', value: fixed(model.mean_apfdc_simple, 3) },
    { name: 'APFDc of collection order', value: fixed(model.mean_apfdc_collection, 3) },
    { name: 'Brier score', value: fixed(model.mean_brier, 4), trend: model.quality.map((q) => q.brier) },
    { name: 'log loss', value: fixed(model.mean_log_loss, 4), trend: model.quality.map((q) => q.log_loss) },
  ]), qualityCard(model), findingsCard(model), driftCard(model), reliabilityCard(model));
  parts.push(model.weights.length ? frame({ title: 'What the model goes by', what: 'Weights of the deployed model, with those of the shipped model in the table.', units: 'weight in log odds', size: 'half',
    chart: (body) => body.replaceChildren(bars(model.weights.slice(0, 14), { name: (r) => r.term, value: (r) => Math.abs(r.weight), text: (r) => fixed(r.weight, 3) })),
    columns: [{ name: 'feature', of: (r) => r.term }, { name: 'weight', class: 'n', of: (r) => fixed(r.weight, 3) }, { name: 'shipped', class: 'n', of: (r) => fixed(r.shipped, 3) }], rows: model.weights })
    : empty('What the model goes by', 'The deployed model has no weights to show.', '', 'half'));
  if (model.budgets.length) {
    parts.push(listed({ title: 'What a share of the time finds', what: 'Means over the failing runs: of the tests run within the share, how many failed; of the failures, how many are found.', size: 'half',
      columns: [{ name: 'share of the time', class: 'n', of: (r) => percent(r.share) }, { name: 'precision', class: 'n', of: (r) => percent(r.precision) }, { name: 'recall', class: 'n', of: (r) => percent(r.recall) }, { name: 'runs with a failure found', class: 'n', of: (r) => percent(r.caught) }], rows: model.budgets }));
  }
  parts.push(model.distillation ? listed({ title: 'Teacher and student', what: distilled(model.distillation), size: 'half',
    columns: [{ name: 'figure', of: (r) => r[0] }, { name: 'value', class: 'n', of: (r) => fixed(r[1], 4) }], rows: model.distillation.figures })
    : empty('Teacher and student', 'The deployed model has no teacher.', 'nexus train compares a student with large trees when the history has enough failing runs.', 'half'));
  parts.push(...versionCards(model));
  return parts;
};
