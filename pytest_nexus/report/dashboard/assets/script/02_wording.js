// Numbers and times for people. Every time is UTC, as the commands print them.
const NOTHING = '–';
const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
const whole = (number) => (known(number) ? Math.round(number).toLocaleString('en-US') : NOTHING);
const counted = (number, noun) => `${whole(number)} ${noun}${number === 1 ? '' : 's'}`;
const fixed = (number, digits = 2) => (known(number) ? number.toFixed(digits) : NOTHING);
const percent = (share) => (known(share) ? `${(100 * share).toFixed(1)} %` : NOTHING);
const seconds = (value) => {
  if (!known(value)) return NOTHING;
  const size = Math.abs(value);
  if (size === 0) return '0 s';
  if (size < 0.0095) return `${(value * 1000).toFixed(size < 0.00095 ? 1 : 0)} ms`;
  if (size < 10) return `${value.toFixed(2)} s`;
  if (size < 120) return `${value.toFixed(0)} s`;
  return size < 7200 ? `${(value / 60).toFixed(1)} min` : `${(value / 3600).toFixed(1)} h`;
};
const moment = (at) => (known(at) ? new Date(at * 1000).toISOString().slice(0, 16).replace('T', ' ') : NOTHING);
const day = (at) => (known(at) ? new Date(at * 1000).toISOString().slice(0, 10) : NOTHING);
const short = (commit) => (commit ? commit.slice(0, 9) : NOTHING);
