// What every page does: forms are asked back, sent once, or left behind. Other modules are loaded by pages with their
// parts, and take what they share from here.

export const all = (selector) => [...document.querySelectorAll(selector)];
export const on = (type, run) => document.addEventListener(type, run);

// What is typed, once an input method has come to a word.
export function onTyped(selector, run) {
  const typed = ({ target, isComposing }) => {
    if (!isComposing && target.matches(selector)) run(target);
  };
  on('input', typed);
  on('compositionend', typed);
}

const timers = new WeakMap();
export function later(of, delay, run) {
  clearTimeout(timers.get(of));
  timers.set(of, setTimeout(run, delay));
}

export const parsed = async (response) => new DOMParser().parseFromString(await response.text(), 'text/html');

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

onTyped('form[data-dirty] [name]', ({ form }) => dirty.add(form));
onTyped('form[data-confirm-text] input', ({ form }) => confirmInput(form));

// Wherever forms come to a page, also later.
export function prepare() {
  all('form[data-confirm-text]').forEach(confirmInput);
}

prepare();
