// Which view is shown, by the part of the address after `#`; the theme; the keys.
let printing = false;
const ROUTES = [
  ['now', 'Now', viewNow], ['suite', 'Suite', viewSuite], ['flaky', 'Flaky', viewFlaky], ['model', 'Model', viewModel],
  ['selection', 'Selection', viewSelection], ['infrastructure', 'Infrastructure', viewInfrastructure], ['energy', 'Energy', viewEnergy],
];
const main = id('main');
const view = (name, draw) => h('div', { class: 'view', 'data-view': name }, draw());
const decoded = (text) => { try { return decodeURIComponent(text); } catch { return text; } };

let routed = null; // what is shown, so that the event that follows our own step changes nothing
const route = (isFirst) => {
  routed = main.dataset.at = location.hash;
  const [, name = 'now', ...rest] = location.hash.split('/');
  drawn.length = 0;
  const test = name === 'test';
  const found = ROUTES.find(([each]) => each === name) || ROUTES[0];
  const [path, title, draw] = test ? ['suite', 'Test', () => viewTest(decoded(rest.join('/')))] : found;
  for (const link of id('sections').querySelectorAll('a')) {
    if (link.hash === `#/${path}`) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
  }
  document.title = `${title} · ${shown(cut(facts.project, 80))} · nexus`;
  main.replaceChildren(view(test ? 'test' : path, draw));
  if (!isFirst) { window.scrollTo(0, 0); main.focus({ preventScroll: true }); }
};
const redraw = () => { for (const again of [...drawn]) again(); };

const THEMES = ['auto', 'light', 'dark'];
const dark = matchMedia('(prefers-color-scheme: dark)');
let theme = 'auto';
try { theme = THEMES.includes(localStorage.getItem('nexus-theme')) ? localStorage.getItem('nexus-theme') : 'auto'; } catch { /* a file without storage */ }
const paintTheme = () => {
  document.documentElement.dataset.theme = theme === 'auto' ? (dark.matches ? 'dark' : 'light') : theme;
  id('theme').textContent = `Theme: ${theme}`;
};
const nextTheme = () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try { localStorage.setItem('nexus-theme', theme); } catch { /* likewise */ }
  paintTheme();
  redraw();
};

const KEYS = [['/', 'filter the tests'], ['1 … 7', 'go to a section'], ['t', 'change the theme'], ['↑ ↓ Page Home End', 'move in the table of tests'],
  ['Enter', 'open the test'], ['Backspace', 'back from a test'], ['?', 'show these keys'], ['Esc', 'close, or clear the filter']];
const help = id('help');
help.append(h('h2', { id: 'help-title' }, 'Keys'), h('dl', { class: 'facts' }, KEYS.map(([key, what]) => [h('dt', null, h('kbd', null, key)), h('dd', null, what)])),
  h('form', { method: 'dialog' }, h('button', { autofocus: true }, 'Close')));
const press = (event) => {
  const typing = event.target.closest('input, select, textarea');
  if (event.ctrlKey || event.metaKey || event.altKey || typing || help.open) return;
  const place = Number(event.key) - 1;
  if (ROUTES[place]) location.hash = `#/${ROUTES[place][0]}`;
  else if (event.key === '/') { event.preventDefault(); if (!id('search')) { location.hash = '#/suite'; route(false); } id('search').focus(); }
  else if (event.key === 't') nextTheme();
  else if (event.key === '?') help.showModal();
  else if (event.key === 'Backspace' && location.hash.startsWith('#/test/')) history.length > 1 ? history.back() : (location.hash = '#/suite');
};

paintTheme();
id('project').textContent = shown(cut(facts.project, 60));
id('fresh').textContent = newest();
id('fresh').title = `made ${moment(facts.made_at)} UTC`;
id('sections').append(...ROUTES.map(([path, title]) => h('li', null, h('a', { href: `#/${path}` }, title))));
id('theme').addEventListener('click', nextTheme);
id('keys').addEventListener('click', () => help.showModal());
dark.addEventListener('change', () => { paintTheme(); redraw(); });
document.addEventListener('keydown', press);
window.addEventListener('hashchange', () => { if (location.hash !== routed) route(false); });
let waiting = 0;
window.addEventListener('resize', () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(redraw); });
// On paper all sections follow one another.
window.addEventListener('beforeprint', () => { printing = tests.n <= 500; main.replaceChildren(...ROUTES.map(([path, , draw]) => view(path, draw))); });
window.addEventListener('afterprint', () => { printing = false; route(false); });
route(true);
performance.mark('nexus-interactive');
