// The facts of the page. The columns of the tests are decoded where they are needed.
const facts = JSON.parse(id('facts').textContent);

// A strip is stored in runs of equal cells: `.12F2.` for twelve passes, two failures and a pass.
const unpackStrip = (text) => text.replace(/([A-Za-z.?])(\d+)/g, (_, cell, n) => cell.repeat(Number(n)));

// One digit for each run: digit n stands for `base * factor ** n` seconds.
const DIGIT = new Map([...facts.times.digits].map((char, at) => [char, at]));
const digits = (text) => Array.from(text, (char) => DIGIT.get(char) ?? null);
const ofDigit = (digit) => (digit === null ? null : facts.times.base_s * facts.times.factor ** digit);

// A half of a pair of characters can be stored, and has no place in an address.
const wellFormed = (text) => (text.isWellFormed?.() === false ? text.toWellFormed() : text);
const UNNAMED = '(without a name)';

const tests = (() => {
  const given = facts.tests;
  const n = given.name.length;
  const keys = new Array(n);
  const path = (at) => given.paths[given.path[at]];
  const key = (at) => keys[at] ?? (keys[at] = path(at) + given.name[at]);
  let lower = null, byKey = null;
  return {
    n, key, path, given,
    strip: (at) => unpackStrip(given.strip[at]),
    digits: (at) => digits(given.times[at]),
    status: (at) => (given.quarantined.has(at) ? 'quarantined' : given.statuses[given.status[at]]),
    haystack: () => lower || (lower = Array.from({ length: n }, (_, at) => key(at).toLowerCase())),
    find: (text) => (byKey || (byKey = new Map(Array.from({ length: n }, (_, at) => [wellFormed(key(at)), at])))).get(wellFormed(text)),
    more: (at) => facts.details[at],
  };
})();
facts.tests.quarantined = new Set(facts.tests.quarantined);

const linkTo = (key) => `#/test/${encodeURIComponent(wellFormed(key))}`;
const testLink = (key) => {
  const text = h('span', { class: 'long' }, cut(key, 600) || UNNAMED);
  return tests.find(key) === undefined ? text : h('a', { href: linkTo(key) }, text);
};
const KINDS = { failing: 'bad', broken: 'bad', flaky: 'warn', 'order-dependent': 'warn', quarantined: 'warn', recovered: '', stable: '' };
const reasonOf = (each) => [each.exception, each.message].filter(Boolean).join(': ') || 'no reason recorded';
