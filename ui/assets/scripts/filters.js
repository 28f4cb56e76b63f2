// Filters that apply themselves.

import { all, later, on, onTyped } from './app.js';

onTyped('form[data-auto] input[type=search]', ({ form, name }) => {
  later(form, 350, () => {
    sessionStorage.setItem('filter', JSON.stringify([location.pathname, name]));
    form.requestSubmit();
  });
});

on('change', ({ target: { form, tagName } }) => {
  if (form?.matches('[data-auto]') && tagName === 'SELECT') form.requestSubmit();
});

function returnToFilter() {
  const [path, name] = JSON.parse(sessionStorage.getItem('filter') ?? '[]');
  sessionStorage.removeItem('filter');
  if (path !== location.pathname) return;
  const field = all('form[data-auto] input[type=search]').find((input) => input.name === name);
  field?.focus();
  field?.setSelectionRange(field.value.length, field.value.length);
}

returnToFilter();
