const all = (selector) => [...document.querySelectorAll(selector)];
const on = (type, run) => document.addEventListener(type, run);

const timers = new WeakMap();
function later(of, delay, run) {
  clearTimeout(timers.get(of));
  timers.set(of, setTimeout(run, delay));
}

const parsed = async (response) => new DOMParser().parseFromString(await response.text(), 'text/html');

// Parts that follow the server

function follow(element) {
  const url = element.dataset.live;
  // After a refusal the page stands at the address of a form, which shows nothing by itself.
  const shown = element.dataset.livePage ?? location.href;
  const source = new EventSource(url);
  let running = false;
  let again = false;

  async function refresh() {
    const response = await fetch(shown, { headers: { accept: 'text/html' }, credentials: 'same-origin' });
    if (response.redirected && new URL(response.url).pathname !== new URL(shown, location.href).pathname) {
      source.close();
      location.assign(response.url);
      return;
    }
    if (!response.ok) return;
    const page = await parsed(response);
    const fresh = page.getElementById(element.id);
    if (!fresh) {
      // The page has become another one; only a whole load shows it.
      source.close();
      location.reload();
      return;
    }
    const focused = element.contains(document.activeElement) && document.activeElement.id;
    element.replaceWith(fresh);
    element = fresh;
    prepare();
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (!fresh.dataset.live) source.close();
  }

  async function changed() {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      // A lost connection is no error here: the next message tries again.
      await refresh().catch(() => {});
    }
    running = false;
  }

  source.addEventListener('message', changed);
  // Whatever is still in motion after that is followed again.
  const followAgain = async () => {
    source.close();
    await changed();
    if (element.isConnected && element.dataset.live) setTimeout(() => follow(element), 3000);
  };
  source.addEventListener('end', followAgain);
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) followAgain();
  });
}

// The address of a workspace

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

function slugInput(field, form) {
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
}

// Passwords

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

function strengthInput(input) {
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
}

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === 'password';
  input.type = shown ? 'text' : 'password';
  button.setAttribute('aria-pressed', shown);
  button.textContent = shown ? button.dataset.hide : button.dataset.show;
}

// Filters that apply themselves

function filterInput(field, form) {
  later(form, 350, () => {
    sessionStorage.setItem('filter', JSON.stringify([location.pathname, field.name]));
    form.requestSubmit();
  });
}

function returnToFilter() {
  const [path, name] = JSON.parse(sessionStorage.getItem('filter') ?? '[]');
  sessionStorage.removeItem('filter');
  if (path !== location.pathname) return;
  const field = all('form[data-auto] input[type=search]').find((input) => input.name === name);
  field?.focus();
  field?.setSelectionRange(field.value.length, field.value.length);
}

// Choices that are too many to list

const listed = new WeakMap();

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

function findInput(input) {
  const select = document.getElementById(input.dataset.finds);
  questions.get(select)?.abort();
  const question = new AbortController();
  questions.set(select, question);
  later(input, 250, () => find(input, select, question.signal).catch(() => {}));
}

on('keydown', (event) => {
  const { target, key } = event;
  if (key !== 'Enter' || !target.matches('[data-finds]')) return;
  event.preventDefault();
  document.getElementById(target.dataset.finds).focus();
});

// Forms: asked back, sent once, or left behind

const dirty = new Set();
const pressed = new Set();

function confirmInput(form) {
  const field = form.querySelector('input:not([type]), input[type=text]');
  const button = form.querySelector('button.danger');
  if (field && button) button.disabled = field.value !== form.dataset.confirmText;
}

function release() {
  for (const button of pressed) button.disabled = false;
  pressed.clear();
  all('form[aria-busy]').forEach((form) => form.removeAttribute('aria-busy'));
  prepare();
}

on('submit', (event) => {
  const { target: form, submitter, defaultPrevented } = event;
  if (defaultPrevented) return;
  // A field may be named "method", hence not form.method.
  const method = submitter?.getAttribute('formmethod') ?? form.getAttribute('method');
  if (method?.toLowerCase() === 'post') {
    if (form.hasAttribute('aria-busy')) {
      event.preventDefault();
      return;
    }
    form.setAttribute('aria-busy', 'true');
    // The value of a button disabled at once would not be sent.
    if (submitter) {
      setTimeout(() => {
        submitter.disabled = true;
        pressed.add(submitter);
      });
    }
  }
  clearTimeout(timers.get(form));
  dirty.delete(form);
});

addEventListener('pageshow', release);
// Going back after signing out asks the server, which knows nobody any more; the browser may have kept the page.
addEventListener('pageshow', (event) => {
  if (event.persisted && sessionStorage.getItem('left')) location.reload();
});
on('submit', ({ target }) => {
  if (/\/(session\/end|admin\/sign-out)$/.test(target.action)) sessionStorage.setItem('left', '1');
});
if (document.body.classList.contains('console')) sessionStorage.removeItem('left');
// Firefox remembers disabled buttons when it comes back to a page.
addEventListener('pagehide', release);

addEventListener('beforeunload', (event) => {
  if ([...dirty].some((form) => form.isConnected)) event.preventDefault();
});

// The board

let card = null;
const columnOf = (event) => card && event.target.closest?.('.board .column[data-value]');
const mark = (over) => all('.board .column').forEach((column) => column.classList.toggle('over', column === over));

on('dragstart', (event) => {
  card = event.target.closest?.('.board .task-card[draggable=true]');
  if (!card) return;
  const box = card.getBoundingClientRect();
  event.dataTransfer.effectAllowed = 'move';
  event.dataTransfer.setData('text/plain', card.id);
  // Taken by its link, the whole card moves all the same.
  event.dataTransfer.setDragImage(card, event.clientX - box.left, event.clientY - box.top);
  card.classList.add('dragging');
});

on('dragover', (event) => {
  if (!card) return;
  const column = columnOf(event);
  mark(column);
  if (column) event.preventDefault();
});

on('drop', (event) => {
  const column = columnOf(event);
  if (!column) return;
  event.preventDefault();
  const form = card.querySelector('form.move');
  const select = form?.querySelector('select');
  if (!select || column.contains(card)) return;
  select.value = column.dataset.value;
  if (select.value) form.requestSubmit();
});

on('dragend', () => {
  card?.classList.remove('dragging');
  card = null;
  mark(null);
});

// One listener for each kind of event

function typed({ target: field, isComposing }) {
  if (field.matches('[data-strength]')) strengthInput(field);
  const { form } = field;
  if (!form) return;
  if (field.matches('[data-finds]')) {
    if (!isComposing) findInput(field);
    return;
  }
  if (form.matches('[data-dirty]')) dirty.add(form);
  if (form.matches('[data-slug-url]') && field.matches('[data-slug-source], [data-slug]')) slugInput(field, form);
  if (form.matches('[data-confirm-text]')) confirmInput(form);
  if (form.matches('[data-auto]') && field.matches('[type=search]') && !isComposing) filterInput(field, form);
}

on('input', typed);
on('compositionend', typed);
on('change', ({ target: { form, tagName } }) => {
  if (form?.matches('[data-auto]') && tagName === 'SELECT') form.requestSubmit();
});
on('click', ({ target }) => {
  const button = target.closest('[data-reveal]');
  if (button) reveal(button);
});

function prepare() {
  all('[data-reveal], [data-finds], meter.strength').forEach((element) => element.removeAttribute('hidden'));
  all('form[data-confirm-text]').forEach(confirmInput);
}

function start() {
  prepare();
  returnToFilter();
  all('[data-live]').forEach(follow);
}

if (document.readyState === 'loading') on('DOMContentLoaded', start);
else start();
