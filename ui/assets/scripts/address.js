// The address of a workspace: suggested from the company's name, and checked while it is typed.

import { later, onTyped } from './app.js';

const edited = new WeakSet();
const questions = new WeakMap();

function say(form, message, tone = '') {
  const status = form.querySelector('[data-slug-status]');
  if (!status) return;
  status.textContent = message;
  status.dataset.tone = tone;
}

async function askSlug(form, key, value, signal) {
  const response = await fetch(`${form.dataset.slugUrl}?${new URLSearchParams({ [key]: value })}`, { signal });
  if (!response.ok) return;
  const { slug, free, message } = await response.json();
  const field = form.querySelector('[data-slug]');
  // Whoever is in it by now writes it by hand.
  if (key === 'name' && field !== document.activeElement) field.value = slug;
  say(form, message, free ? 'good' : 'bad');
}

onTyped('[data-slug-url] :is([data-slug-source], [data-slug])', (field) => {
  const { form } = field;
  const slug = form.querySelector('[data-slug]');
  const byHand = field === slug;
  if (byHand) edited[slug.value ? 'add' : 'delete'](slug);
  else if (edited.has(slug) || slug.defaultValue) return;
  // An answer to what was typed before must not overwrite what is there now.
  questions.get(form)?.abort();
  const question = new AbortController();
  questions.set(form, question);
  const value = field.value.trim();
  if (!value) {
    if (!byHand) slug.value = '';
    say(form, '');
  }
  later(form, 250, () => {
    // Without an answer nothing is lost: the server checks again when the form is sent.
    if (value) askSlug(form, byHand ? 'slug' : 'name', value, question.signal).catch(() => {});
  });
});
