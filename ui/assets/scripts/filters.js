// Filters that apply themselves: the rows are taken over from the page that the form asks for, and the form stays as it
// is, with whatever is being typed.

import { later, on, onTyped, parsed } from './app.js';

let last;

async function apply(form) {
  const filled = [...new FormData(form)].filter(([, value]) => value);
  const url = `${form.getAttribute('action')}?${new URLSearchParams(filled)}`;
  last?.abort();
  last = new AbortController();
  const response = await fetch(url, { headers: { accept: 'text/html' }, signal: last.signal });
  // Through another sign-in it may have come back to the list; anything else is looked at as it is.
  if (!response.ok || new URL(response.url).pathname !== location.pathname) {
    location.assign(response.url);
    return;
  }
  const page = await parsed(response);
  for (const id of ['rows', 'views']) document.getElementById(id)?.replaceWith(page.getElementById(id));
  document.getElementById('shown').textContent = page.getElementById('shown').textContent;
  history.replaceState(null, '', url);
}

// Whoever asks for something else meanwhile is answered that; where nothing can be asked, the button still does.
const applied = (form) => apply(form).catch(() => {});

onTyped('form[data-auto] input[type=search]', ({ form }) => later(form, 250, () => applied(form)));

on('change', ({ target: { form, tagName } }) => {
  if (form?.matches('[data-auto]') && tagName === 'SELECT') applied(form);
});
