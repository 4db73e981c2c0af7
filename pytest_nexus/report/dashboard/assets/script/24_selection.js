// Selection: how much time would be saved at which cost, what was promised, what was missed.
const viewSelection = () => {
  const { selection } = facts;
  const parts = [lead('Selection', [`Selection is ${selection.state || 'off'}.`, selection.why, selection.note].filter(Boolean).join(' '))];
  parts.push(figures([
    { name: 'failing runs that may be missed, as promised', value: percent(selection.promised) },
    { name: 'failing runs that were missed', value: percent(selection.missed), note: `of ${counted(selection.n_failing_runs, 'failing run')}` },
    { name: 'runs with selection', value: whole(selection.runs.length) },
    { name: 'time saved by selection', value: seconds(selection.runs.reduce((sum, r) => sum + (r.mode.includes('shadow') ? 0 : r.saved_s), 0)) },
  ]));
  const half = selection.curve.length ? 'third' : '';
  parts.push(selection.curve.length ? frame({
    title: 'Time spent against failing runs caught', what: 'If every run stopped after this share of its time, this share of the failing runs would still have shown a failure.',
    units: 'shares of test time and of failing runs', size: 'two-thirds',
    chart: (body, title) => plot(body, title, { lines: [{ points: selection.curve.map((p) => ({ x: p.share_of_time, y: p.caught })) }], points: selection.curve.map((p) => ({ x: p.share_of_time, y: p.caught, text: `${percent(p.share_of_time)} of the time: ${percent(p.caught)} of ${counted(p.n_failing_runs, 'failing run')}` })), xName: 'share of the test time', yName: 'failing runs caught', xText: hundredths, yText: hundredths }),
    columns: [{ name: 'share of the time', class: 'n', of: (r) => percent(r.share_of_time) }, { name: 'caught', class: 'n', of: (r) => percent(r.caught) }, { name: 'failing runs', class: 'n', of: (r) => whole(r.n_failing_runs) }], rows: selection.curve,
  }) : empty('Time spent against failing runs caught', 'No failing run has figures about its prediction.', 'Run pytest with --nexus; nexus select simulate replays the past.'));
  parts.push(selection.runs.length ? listed({
    title: 'Runs with selection', what: 'What was left out or, in a shadow, would have been.', units: 'newest 14', size: half,
    columns: [{ name: 'run (UTC)', class: 'fit', of: (r) => moment(r.at) }, { name: 'mode', of: (r) => r.mode }, { name: 'left out', class: 'n', of: (r) => whole(r.n_left) }, { name: 'missed', class: 'n', of: (r) => whole(r.n_missed) }, { name: 'saved', class: 'n', of: (r) => seconds(r.saved_s) }], rows: [...selection.runs].reverse().slice(0, 14),
  }) : empty('Runs with selection', 'No run left tests out.', 'Begin with a shadow, which runs every test and records what would have been missed: set nexus_select and nexus_select_shadow.', half));
  return parts;
};
