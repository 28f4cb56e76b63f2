// How strong a password is.

import { all, onTyped } from './app.js';

function estimate(password, known) {
  if (known.includes(password.toLowerCase())) return 0;
  const once = password.replace(/^(.+?)\1+$/su, '$1');
  const codes = [...once].map((sign) => sign.codePointAt(0));
  // "aaaa", "1234" and "dcba" count as one step each.
  const steps = codes.filter((code, i) => i === 0 || Math.abs(code - codes[i - 1]) > 1).length;
  const kinds = [[/\p{Ll}/u, 26], [/\p{Lu}/u, 26], [/\d/, 10], [/[^\p{L}\d]/u, 30]];
  const pool = kinds.reduce((sum, [kind, size]) => sum + (kind.test(once) ? size : 0), 1);
  const bits = Math.min(steps, new Set(codes).size * 2) * Math.log2(pool);
  return [30, 44, 58, 76].filter((limit) => bits >= limit).length;
}

onTyped('[data-strength]', (input) => {
  const meter = document.getElementById(input.dataset.strengthMeter);
  const text = document.getElementById(input.dataset.strengthText);
  const known = [...(input.form?.elements ?? [])]
    .filter((field) => field !== input && field.type !== 'password' && field.value)
    .flatMap(({ value }) => [value.trim().toLowerCase(), value.split('@')[0].trim().toLowerCase()]);
  const level = estimate(input.value, known);
  const message = (input.value && text?.getAttribute(`data-strength-${level}`)) || '';
  if (meter) meter.value = level;
  // Said again at every key, it would drown the typing in a screen reader.
  if (text && text.textContent !== message) text.textContent = message;
});

all('meter.strength').forEach((meter) => meter.removeAttribute('hidden'));
