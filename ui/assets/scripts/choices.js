// Choices that are too many to list: others are looked for in the list of the rows themselves.

import { all, later, on, onTyped, parsed } from './app.js';

const listed = new WeakMap();
const questions = new WeakMap();

async function find(input, select, signal) {
  const hint = document.getElementById(`${select.id}-hint`);
  if (!listed.has(select)) listed.set(select, [[...select.options], hint.textContent]);
  let [options, said] = listed.get(select);
  const search = input.value.trim();
  if (search) {
    const query = new URLSearchParams({ view: 'list', limit: 100, search });
    const response = await fetch(`${input.dataset.findUrl}?${query}`, { signal });
    if (!response.ok || response.redirected) return;
    const page = await parsed(response);
    const rows = [...page.querySelectorAll('tbody tr > :first-child a')];
    const found = rows.map((row) => new Option(row.textContent, row.getAttribute('href').split('/').pop()));
    options = [options[0], ...found];
    said = page.querySelector('.pages span, .empty h2')?.textContent ?? '';
  }
  // What is chosen stays so until something else is.
  const [chosen] = select.selectedOptions;
  const others = options.filter(({ value }) => value !== chosen?.value);
  select.replaceChildren(...(chosen?.value ? [others[0], chosen, ...others.slice(1)] : options));
  hint.textContent = said;
}

onTyped('[data-finds]', (input) => {
  const select = document.getElementById(input.dataset.finds);
  questions.get(select)?.abort();
  const question = new AbortController();
  questions.set(select, question);
  later(input, 250, () => find(input, select, question.signal).catch(() => {}));
});

on('keydown', (event) => {
  const { target, key } = event;
  if (key !== 'Enter' || !target.matches('[data-finds]')) return;
  event.preventDefault();
  document.getElementById(target.dataset.finds).focus();
});

all('[data-finds]').forEach((input) => input.removeAttribute('hidden'));
