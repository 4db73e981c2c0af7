// The table of all tests: only the rows that the window shows exist, so that 10,000 tests stay quick.
const ROW_PX = 30;
const AROUND = 8;
const bad = (at) => (tests.strip(at).match(/[FERM]/g) || []).length;
const growth = (at) => {
  const kept = tests.digits(at).filter(known), third = Math.floor(kept.length / 3);
  if (!third) return 0;
  const mean = (list) => list.reduce((sum, v) => sum + v, 0) / third;
  return mean(kept.slice(-third)) - mean(kept.slice(0, third));
};
const RANKS = { broken: 0, flaky: 1, 'order-dependent': 2, quarantined: 3, recovered: 4, stable: 5 };
const rankOf = (at) => tests.given.rank[at] ?? tests.n;
const COLUMNS = [
  { id: 'name', name: 'test', width: null, sort: null, of: (at) => nameCell(at) },
  { id: 'strip', name: `last ${facts.n_strip} runs`, width: facts.n_strip * 4 + 18, class: 'mid', sort: (at) => -bad(at), of: (at) => strip(tests.strip(at)) },
  { id: 'status', name: 'status', width: 128, sort: (at) => RANKS[tests.status(at)] ?? 9, of: (at) => (tests.status(at) === 'stable' ? '' : badge(tests.status(at), KINDS[tests.status(at)])) },
  { id: 'failures', name: 'failed', width: 70, class: 'n wide', sort: (at) => -tests.given.failures[at], of: (at) => whole(tests.given.failures[at]) },
  { id: 'runs', name: 'runs', width: 62, class: 'n wide', sort: (at) => -tests.given.runs[at], of: (at) => whole(tests.given.runs[at]) },
  { id: 'flakes', name: 'flakes', width: 70, class: 'n wide', sort: (at) => -tests.given.flakes[at], of: (at) => whole(tests.given.flakes[at]) },
  { id: 'rank', name: 'rank', width: 70, class: 'n wide', sort: rankOf, of: (at) => whole(tests.given.rank[at]) },
  { id: 'trend', name: 'durations', width: 112, class: 'wide', sort: (at) => -growth(at), of: (at) => steps(tests.digits(at)) },
  { id: 'seconds', name: 'seconds', width: 86, class: 'n mid', sort: (at) => -(tests.given.seconds[at] ?? -1), of: (at) => seconds(tests.given.seconds[at]) },
];
const nameCell = (at) => {
  const key = tests.key(at);
  const path = cut(tests.path(at), 80);
  return h('a', { href: linkTo(key), tabindex: -1, title: cut(key, 300) },
    h('span', { class: 'soft path' }, path), cut(key.slice(tests.path(at).length), 200) || (path ? '' : UNNAMED));
};

// The state stays when the reader goes to a test and comes back.
const finder = { words: '', status: '', column: 'status', down: false, active: 0, top: 0 };
const orders = new Map();
let placeOfName = null; // the position of each test in the order of names, computed once
const names = () => {
  if (!placeOfName) {
    const order = Array.from({ length: tests.n }, (_, at) => at).sort((a, b) => (tests.key(a) < tests.key(b) ? -1 : 1));
    placeOfName = new Uint32Array(tests.n);
    order.forEach((at, place) => { placeOfName[at] = place; });
  }
  return placeOfName;
};
const ordered = (column, down) => {
  const name = `${column}/${down}`;
  if (!orders.has(name)) {
    const { sort } = COLUMNS.find((each) => each.id === column);
    const values = sort ? Float64Array.from({ length: tests.n }, (_, at) => sort(at)) : null;
    const found = Array.from({ length: tests.n }, (_, at) => at);
    const by = values ? (a, b) => values[a] - values[b] || rankOf(a) - rankOf(b) || a - b : (a, b) => names()[a] - names()[b];
    found.sort(down ? (a, b) => by(b, a) : by);
    orders.set(name, found);
  }
  return orders.get(name);
};
const matching = () => {
  const words = finder.words.toLowerCase().split(/\s+/).filter(Boolean);
  const hay = words.length ? tests.haystack() : null;
  return ordered(finder.column, finder.down).filter((at) =>
    (!finder.status || tests.status(at) === finder.status) && words.every((word) => hay[at].includes(word)));
};

const testTable = () => {
  const name = newId('tests');
  let rows = matching();
  const search = h('input', { type: 'search', id: 'search', placeholder: 'Filter by words of the name', value: finder.words, 'aria-label': 'Filter tests by words of their names', spellcheck: 'false', autocomplete: 'off' });
  const statuses = [...new Set(tests.given.status)].map((at) => tests.given.statuses[at]).sort((a, b) => (RANKS[a] ?? 9) - (RANKS[b] ?? 9));
  const choose = h('select', { 'aria-label': 'Show tests of one status' }, h('option', { value: '' }, 'every status'),
    statuses.map((each) => h('option', { value: each, selected: each === finder.status }, each)));
  const count = h('output', { 'aria-live': 'polite' });
  const headings = COLUMNS.map((column) => h('th', { scope: 'col', class: column.class || '', 'data-column': column.id },
    h('button', { type: 'button', onclick: () => sortBy(column.id) }, column.name)));
  const body = h('tbody');
  const grid = h('table', { role: 'grid', 'aria-labelledby': name },
    h('colgroup', null, COLUMNS.map((column) => h('col', { class: column.class || '', style: column.width ? { width: `${column.width}px` } : {} }))),
    h('thead', null, h('tr', { 'aria-rowindex': 1 }, headings)), body);
  const view = h('div', { class: 'window', id: 'tests-window', tabindex: 0, role: 'group', 'aria-label': 'Tests: arrows move, Enter opens' }, grid);
  const none = h('p', { class: 'nothing', hidden: true }, 'No test has all of these words and this status.');

  const spacer = (tall) => h('tr', { class: 'spacer', role: 'presentation' }, h('td', { style: { height: `${tall}px` } }));
  const row = (at, place) => h('tr', { class: 'item', id: `row-${at}`, 'aria-rowindex': place + 2, 'aria-selected': String(place === finder.active), onclick: () => { finder.active = place; location.hash = linkTo(tests.key(at)); } },
    COLUMNS.map((column, index) => h(index ? 'td' : 'th', { scope: index ? null : 'row', class: column.class || '' }, column.of(at))));
  let painted = '';
  const paint = (force) => {
    const shownRows = Math.ceil((view.clientHeight || 600) / ROW_PX);
    const all = printing ? rows.length : shownRows + 2 * AROUND;
    const from = printing ? 0 : Math.max(0, Math.min(Math.floor(view.scrollTop / ROW_PX) - AROUND, rows.length - all));
    const to = Math.min(rows.length, from + all);
    const state = `${from}/${to}/${finder.active}`;
    if (!force && state === painted) return;
    painted = state;
    finder.top = view.scrollTop;
    body.replaceChildren(...(from ? [spacer(from * ROW_PX)] : []),
      ...rows.slice(from, to).map((at, index) => row(at, from + index)),
      ...(to < rows.length ? [spacer((rows.length - to) * ROW_PX)] : []));
    const active = rows[finder.active];
    if (active !== undefined && id(`row-${active}`)) view.setAttribute('aria-activedescendant', `row-${active}`);
    else view.removeAttribute('aria-activedescendant');
  };
  const refresh = (reset) => {
    rows = matching();
    if (reset) { finder.active = 0; view.scrollTop = 0; }
    finder.active = Math.min(finder.active, Math.max(0, rows.length - 1));
    grid.setAttribute('aria-rowcount', rows.length + 1);
    count.textContent = rows.length === tests.n ? counted(tests.n, 'test') : `${whole(rows.length)} of ${counted(tests.n, 'test')}`;
    none.hidden = rows.length > 0;
    for (const heading of headings) {
      const own = heading.dataset.column === finder.column;
      if (own) heading.setAttribute('aria-sort', finder.down ? 'descending' : 'ascending');
      else heading.removeAttribute('aria-sort');
      heading.firstChild.textContent = COLUMNS.find((c) => c.id === heading.dataset.column).name + (own ? (finder.down ? ' ↑' : ' ↓') : '');
    }
    paint(true);
  };
  const sortBy = (column) => {
    finder.down = finder.column === column ? !finder.down : false;
    finder.column = column;
    refresh(true);
  };
  const move = (to) => {
    finder.active = Math.max(0, Math.min(rows.length - 1, to));
    const top = finder.active * ROW_PX;
    const head = grid.tHead.offsetHeight;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + ROW_PX + head > view.scrollTop + view.clientHeight) view.scrollTop = top + ROW_PX + head - view.clientHeight;
    paint(true);
  };
  search.addEventListener('input', () => { finder.words = search.value; refresh(true); });
  search.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'Enter') { event.preventDefault(); view.focus(); if (event.key === 'Enter') open(); }
    else if (event.key === 'Escape') { search.value = finder.words = ''; refresh(true); }
  });
  choose.addEventListener('change', () => { finder.status = choose.value; refresh(true); });
  const open = () => { if (rows[finder.active] !== undefined) location.hash = linkTo(tests.key(rows[finder.active])); };
  view.addEventListener('scroll', () => paint(false), { passive: true });
  view.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(view.clientHeight / ROW_PX) - 2);
    const to = { ArrowDown: finder.active + 1, ArrowUp: finder.active - 1, PageDown: finder.active + page, PageUp: finder.active - page, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined && !event.target.closest('thead')) { event.preventDefault(); move(to); }
    else if (event.key === 'Enter' && event.target === view) { event.preventDefault(); open(); }
  });
  requestAnimationFrame(() => { const top = finder.top; refresh(false); view.scrollTop = top; paint(true); });
  drawn.push(() => { if (view.isConnected) paint(true); });
  return h('section', { class: 'card', 'aria-labelledby': name },
    h('header', null, h('h2', { id: name }, 'All tests')),
    h('p', { class: 'what' }, 'Type words to filter, click a heading to sort, open a test for its durations, failures and neighbours.'),
    h('div', { class: 'finder' }, search, choose, count), view, none, stripLegend(), h('p', { class: 'foot' }, newest()));
};
