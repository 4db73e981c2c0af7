// What stands around a chart: a title, one sentence, the units, the moment of the newest data, its table.
const drawn = []; // functions that draw again, when the colours or the width change
const newest = () => `newest data ${moment(facts.newest_at)} UTC`;

const table = (columns, rows, caption, isTitled = false) =>
  h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h('table', null,
      h('caption', { class: isTitled ? 'hidden-text' : '' }, caption),
      h('thead', null, h('tr', null, columns.map((c) => h('th', { scope: 'col', class: c.class || '' }, c.name)))),
      h('tbody', null, rows.map((row) => h('tr', null, columns.map((c, at) =>
        h(at ? 'td' : 'th', { scope: at ? null : 'row', class: c.class || '' }, c.of(row))))))));

const frame = ({ title, what, units, size = '', chart, columns, rows, extra, legend }) => {
  const name = newId('chart');
  const card = h('section', { class: `card ${size}`, 'aria-labelledby': name });
  const body = h('div', { class: 'chart' });
  const head = h('header', null, h('h2', { id: name }, title));
  card.append(head, what ? h('p', { class: 'what' }, marked(what)) : '', body);
  if (legend) card.append(legend);
  if (extra) card.append(extra);
  if (columns) {
    const place = h('div', { hidden: true, id: newId('table') });
    const button = h('button', { type: 'button', 'aria-expanded': 'false', 'aria-controls': place.id }, 'Table',
      h('span', { class: 'hidden-text' }, ` for: ${title}`));
    button.addEventListener('click', () => {
      const opens = place.hidden;
      if (opens && !place.firstChild) place.append(table(columns, rows, `${title}${units ? ` (${units})` : ''}`));
      place.hidden = !opens;
      body.hidden = opens;
      button.setAttribute('aria-expanded', String(opens));
      button.firstChild.data = opens ? 'Chart' : 'Table';
      if (!opens) body.dispatchEvent(new Event('redraw'));
    });
    head.append(button);
    card.append(place);
  }
  card.append(h('p', { class: 'foot' }, units ? h('span', null, units) : '', h('span', null, newest())));
  chart(body, title);
  return card;
};

// A table that is its own chart.
const listed = ({ title, what, size = '', columns, rows, units }) => {
  const name = newId('list');
  return h('section', { class: `card ${size}`, 'aria-labelledby': name },
    h('header', null, h('h2', { id: name }, title), h('span', { class: 'soft' }, units || '')),
    what ? h('p', { class: 'what' }, marked(what)) : '',
    table(columns, rows, `${title}, ${counted(rows.length, 'row')}`, true));
};

const empty = (title, missing, remedy, size = '') => {
  const name = newId('empty');
  return h('section', { class: `card empty ${size}`, 'aria-labelledby': name },
    h('h2', { id: name }, title),
    h('p', null, h('strong', null, marked(missing)), ' ', marked(remedy)));
};

const lead = (title, what) =>
  h('div', { class: 'lead' }, h('h1', null, title), what ? h('p', { class: 'what' }, marked(what)) : '');

const badge = (text, kind) => h('span', { class: `badge ${kind || ''}` }, text);

const figures = (list) => h('ul', { class: 'figures' }, list.filter(Boolean).map((each) =>
  h('li', { class: 'figure' },
    h('span', { class: 'name' }, each.name),
    h('span', { class: 'value' }, each.value, each.unit ? h('small', null, ` ${each.unit}`) : ''),
    each.trend && each.trend.filter(known).length > 2 ? sparkline(each.trend, each.name) : '',
    each.note ? h('span', { class: 'note' }, each.note) : '')));

const when = (container, draw) => {
  const again = () => { if (container.isConnected && !container.hidden) draw(); };
  drawn.push(again);
  container.addEventListener('redraw', again);
  requestAnimationFrame(again);
};
