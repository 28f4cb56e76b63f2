// Choices that are too many to list: others are looked for in the list of the rows themselves.

import { all, later, on, onTyped, parsed } from './app.js';

const listed = new WeakMap();
const questions = new WeakMap();

async function found(input, search, signal) {
  const query = new URLSearchParams({ view: 'list', limit: 100, search });
  const response = await fetch(`${input.dataset.findUrl}?${query}`, { signal });
  if (!response.ok || response.redirected) throw new Error(response.statusText);
  const page = await parsed(response);
  const rows = [...page.querySelectorAll('tbody tr > :first-child a')];
  const options = rows.map((row) => new Option(row.textContent, row.getAttribute('href').split('/').pop()));
  return [options, page.querySelector('.pages span, .empty h2')?.textContent ?? ''];
}

async function find(input, select, signal) {
  const hint = document.getElementById(`${select.id}-hint`);
  const [none, ...others] = select.options;
  if (!listed.has(select)) listed.set(select, [others, hint.textContent]);
  let [options, said] = listed.get(select);
  const search = input.value.trim();
  // Where nothing can be looked for, what was listed is there again.
  if (search) [options, said] = await found(input, search, signal).catch(() => [options, said]);
  if (signal.aborted) return;
  // What is chosen stays so until something else is. A browser chooses by itself when options go.
  const { value: chosen, selectedOptions: [kept] } = select;
  const rest = options.filter(({ value }) => value !== chosen);
  select.replaceChildren(...(chosen ? [none, kept, ...rest] : [none, ...rest]));
  select.value = chosen;
  hint.textContent = said;
}

onTyped('[data-finds]', (input) => {
  const select = document.getElementById(input.dataset.finds);
  questions.get(select)?.abort();
  const question = new AbortController();
  questions.set(select, question);
  later(input, 250, () => find(input, select, question.signal));
});

on('keydown', (event) => {
  const { target, key, isComposing } = event;
  if (key !== 'Enter' || isComposing || !target.matches('[data-finds]')) return;
  event.preventDefault();
  document.getElementById(target.dataset.finds).focus();
});

// A browser that comes back to a page chooses what was chosen, which need not be listed.
addEventListener('pageshow', () => {
  for (const input of all('[data-finds]')) {
    const select = document.getElementById(input.dataset.finds);
    if (select.selectedIndex >= 0) continue;
    const usual = [...select.options].findIndex(({ defaultSelected }) => defaultSelected);
    select.selectedIndex = Math.max(0, usual);
  }
});

all('[data-finds]').forEach((input) => input.removeAttribute('hidden'));
