// Makes elements. Texts from the data become text nodes only; nothing here parses markup.
const SVG = 'http://www.w3.org/2000/svg';

const fill = (node, given, children) => {
  for (const [name, value] of Object.entries(given || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style') for (const [rule, to] of Object.entries(value)) node.style.setProperty(rule, to);
    else node.setAttribute(name, value === true ? '' : name === 'href' ? String(value) : shown(String(value)));
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(shown(String(child))));
  }
  return node;
};
const h = (name, given, ...children) => fill(document.createElement(name), given, children);
const s = (name, given, ...children) => fill(document.createElementNS(SVG, name), given, children);
const id = (name) => document.getElementById(name);

// Characters that change the direction or that nobody sees become visible question marks, as in the terminal.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;
const shown = (text) => (/^[\x20-\x7e]*$/.test(text) ? text : text.replace(HIDDEN, '?'));
// A sentence of nexus names commands between backticks.
const marked = (text) => text.split('`').map((part, at) => (at % 2 ? h('code', null, part) : part));
const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + '…' : text);

let lastId = 0;
const newId = (stem) => `${stem}-${(lastId += 1)}`;
