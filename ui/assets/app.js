const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const on = (type, run) => document.addEventListener(type, run);

const timers = new WeakMap();
function later(key, delay, run) {
  clearTimeout(timers.get(key));
  timers.set(key, setTimeout(run, delay));
}

// Parts that follow the server

function follow(element) {
  const url = element.dataset.live;
  const source = new EventSource(url);
  let running = false;
  let again = false;

  async function refresh() {
    const response = await fetch(location.href, { headers: { accept: 'text/html' }, credentials: 'same-origin' });
    if (response.redirected && new URL(response.url).pathname !== location.pathname) {
      source.close();
      location.assign(response.url);
      return;
    }
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
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
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (fresh.dataset.live !== url) source.close();
    prepare(fresh);
    if (fresh.dataset.live && fresh.dataset.live !== url) follow(fresh);
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
  source.addEventListener('end', () => {
    source.close();
    changed();
  });
}

// The address of a workspace

const edited = new WeakSet();
const asked = new WeakMap();

function say(form, message, tone) {
  const status = form.querySelector('[data-slug-status]');
  if (!status) return;
  status.textContent = message;
  if (tone) status.dataset.tone = tone;
  else delete status.dataset.tone;
}

async function askSlug(form, key, value, signal) {
  try {
    const response = await fetch(`${form.dataset.slugUrl}?${new URLSearchParams({ [key]: value })}`, {
      headers: { accept: 'application/json' },
      credentials: 'same-origin',
      signal,
    });
    if (!response.ok) return;
    const { slug, free, message } = await response.json();
    if (signal.aborted) return;
    if (key === 'name') form.querySelector('[data-slug]').value = slug;
    say(form, message, free ? 'good' : 'bad');
  } catch {
    // The server checks again when the form is sent.
  }
}

function slugInput(field) {
  const form = field.form;
  const slug = form.querySelector('[data-slug]');
  const byHand = field === slug;
  if (byHand) {
    if (slug.value) edited.add(slug);
    else edited.delete(slug);
  } else if (edited.has(slug) || slug.defaultValue) {
    return;
  }
  // An answer to what was typed before must not overwrite what is there now.
  asked.get(form)?.abort();
  const question = new AbortController();
  asked.set(form, question);
  const value = field.value.trim();
  if (!value) {
    clearTimeout(timers.get(form));
    if (!byHand) slug.value = '';
    say(form, '');
    return;
  }
  later(form, 250, () => askSlug(form, byHand ? 'slug' : 'name', value, question.signal));
}

// Passwords

function estimate(password, known) {
  const plain = password.toLowerCase();
  if (known.some((word) => word === plain)) return 0;
  const once = password.replace(/^(.+?)\1+$/su, '$1');
  const signs = [...once];
  const codes = signs.map((sign) => sign.codePointAt(0));
  const jumps = codes.filter((code, i) => i === 0 || Math.abs(code - codes[i - 1]) > 1).length;
  const kinds = [[/\p{Ll}/u, 26], [/\p{Lu}/u, 26], [/\d/, 10], [/[^\p{L}\d]/u, 30]];
  const pool = kinds.reduce((sum, [kind, size]) => sum + (kind.test(once) ? size : 0), 1);
  const bits = Math.min(jumps, new Set(signs).size * 2) * Math.log2(pool);
  return [30, 44, 58, 76].filter((limit) => bits >= limit).length;
}

function strengthInput(input) {
  const meter = document.getElementById(input.dataset.strengthMeter);
  const text = document.getElementById(input.dataset.strengthText);
  const fields = all('[type=email], [autocomplete=username], [data-slug-source]', input.form ?? document);
  const known = [...fields.map((field) => field.value), ...(input.dataset.strengthAvoid ?? '').split('\n')]
    .flatMap((word) => [word, word.split('@')[0]])
    .map((word) => word.trim().toLowerCase())
    .filter(Boolean);
  const value = input.value ? estimate(input.value, known) : 0;
  const message = input.value ? text?.getAttribute(`data-strength-${value}`) ?? '' : '';
  if (meter) meter.value = value;
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

function filterInput(field) {
  later(field.form, 350, () => {
    sessionStorage.setItem('filter', JSON.stringify([location.pathname, field.name]));
    field.form.requestSubmit();
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

// Questions before something irrevocable

function confirmInput(form) {
  const field = form.querySelector('input:not([type]), input[type=text]');
  const button = form.querySelector('button.danger');
  if (field && button) button.disabled = field.value !== form.dataset.confirmText;
}

// Forms that are sent once, and those not sent at all

const dirty = new Set();
const pressed = new Set();

function release() {
  for (const button of pressed) button.disabled = false;
  pressed.clear();
  all('form[aria-busy]').forEach((form) => form.removeAttribute('aria-busy'));
  all('form[data-confirm-text]').forEach(confirmInput);
}

on('submit', (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  // Fields may be named "method", hence no form.method.
  const method = event.submitter?.getAttribute('formmethod') ?? form.getAttribute('method');
  if (method?.toLowerCase() === 'post') {
    if (form.hasAttribute('aria-busy')) {
      event.preventDefault();
      return;
    }
    form.setAttribute('aria-busy', 'true');
    // A button disabled at once would not be sent.
    if (event.submitter) {
      setTimeout(() => {
        event.submitter.disabled = true;
        pressed.add(event.submitter);
      });
    }
  }
  clearTimeout(timers.get(form));
  dirty.delete(form);
});

addEventListener('pageshow', release);
// Firefox remembers a disabled button when it comes back to the page.
addEventListener('pagehide', release);

addEventListener('beforeunload', (event) => {
  if ([...dirty].some((form) => form.isConnected)) event.preventDefault();
});

// The board

let dragged = null;
const columnOf = (event) => (dragged ? event.target.closest?.('.board .column[data-value]') : null);
const unmark = () => all('.column.over').forEach((column) => column.classList.remove('over'));

on('dragstart', (event) => {
  dragged = event.target.closest?.('.board .task-card[draggable=true]');
  if (!dragged) return;
  const box = dragged.getBoundingClientRect();
  event.dataTransfer.effectAllowed = 'move';
  event.dataTransfer.setData('text/plain', dragged.id);
  event.dataTransfer.setDragImage(dragged, event.clientX - box.left, event.clientY - box.top);
  dragged.classList.add('dragging');
});

on('dragover', (event) => {
  const column = columnOf(event);
  if (column?.classList.contains('over') === false || !column) unmark();
  if (!column) return;
  event.preventDefault();
  column.classList.add('over');
});

on('dragend', () => {
  dragged?.classList.remove('dragging');
  dragged = null;
  unmark();
});

on('drop', (event) => {
  const column = columnOf(event);
  if (!column) return;
  event.preventDefault();
  const form = dragged.querySelector('form.move');
  const select = form?.querySelector('select');
  if (!select || dragged.closest('.column') === column) return;
  select.value = column.dataset.value;
  if (select.value === column.dataset.value) form.requestSubmit();
});

// One listener for each kind of event

function typed(event) {
  const field = event.target;
  const form = field.form;
  if (form?.matches('[data-dirty]')) dirty.add(form);
  if (field.matches('[data-strength]')) strengthInput(field);
  if (!form) return;
  if (form.matches('[data-slug-url]') && field.matches('[data-slug-source], [data-slug]')) slugInput(field);
  if (form.matches('[data-confirm-text]')) confirmInput(form);
  if (form.matches('[data-auto]') && field.matches('input[type=search]') && !event.isComposing) filterInput(field);
}

on('input', typed);
on('compositionend', typed);

on('change', (event) => {
  const { form } = event.target;
  if (form?.matches('[data-dirty]')) dirty.add(form);
  if (form?.matches('[data-auto]') && event.target.matches('select')) form.requestSubmit();
});

on('click', (event) => {
  const button = event.target.closest('[data-reveal]');
  if (button) reveal(button);
});

function prepare(root) {
  all('[data-reveal]', root).forEach((button) => (button.hidden = false));
  all('form[data-confirm-text]', root).forEach(confirmInput);
  if (root !== document && root.matches('form[data-confirm-text]')) confirmInput(root);
}

function start() {
  prepare(document);
  returnToFilter();
  all('[data-live]').forEach(follow);
}

if (document.readyState === 'loading') on('DOMContentLoaded', start);
else start();
