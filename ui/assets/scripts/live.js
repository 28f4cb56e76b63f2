// What follows the server: whenever it says so, the page is read anew. While that has the same shape (`data-shape`, and
// the same parts), only the parts that differ are taken from it (`data-part`), and nobody loses what they do beside them.
// Else all of it is, but for what is kept (`data-kept`): forms that somebody may be filling in.

import { all, parsed, prepare } from './app.js';

// What is replaced between being pressed and let go is not clicked.
let letGo = Promise.resolve();
addEventListener('pointerdown', ({ button }) => {
  if (button !== 0) return;
  letGo = new Promise((resolve) => {
    // The click comes after them.
    const soon = () => setTimeout(resolve);
    for (const type of ['pointerup', 'pointercancel']) addEventListener(type, soon, { once: true });
  });
});

const partsOf = (element) => [...element.querySelectorAll('[data-part]')];
const shapeOf = (element) =>
  [element.dataset.live, element.dataset.shape, ...partsOf(element).map(({ id }) => id)].join(' ');

// How an element is found again in what takes its place.
function nameOf(element) {
  const href = element.getAttribute('href');
  if (element.id) return `#${CSS.escape(element.id)}`;
  return href && `[href="${CSS.escape(href)}"]`;
}

// Takes over what is new, and says which element stands on the page now.
function renewed(element, fresh) {
  const focused = document.activeElement;
  const parts = partsOf(element);
  const isAlike = parts.length > 0 && shapeOf(element) === shapeOf(fresh);
  if (isAlike) {
    const others = partsOf(fresh);
    parts.forEach((part, at) => part.isEqualNode(others[at]) || part.replaceWith(others[at]));
  } else {
    for (const kept of element.querySelectorAll('[data-kept]')) fresh.querySelector(nameOf(kept))?.replaceWith(kept);
    element.replaceWith(fresh);
    prepare();
  }
  const now = isAlike ? element : fresh;
  if (document.activeElement !== focused) {
    const name = nameOf(focused);
    (focused.isConnected ? focused : name && now.querySelector(name))?.focus({ preventScroll: true });
  }
  return now;
}

// What is said to whoever listens. The server makes few words of it: it is said once, and not at every step.
function speaker(element) {
  const said = document.createElement('p');
  said.className = 'hidden';
  said.setAttribute('role', 'status');
  element.before(said);
  let last = element.dataset.told;
  return ({ dataset: { told } }) => {
    if (told && told !== last) said.textContent = told;
    last = told;
  };
}

function follow(element) {
  // After a refusal the page stands at the address of a form, which shows nothing by itself.
  const shown = element.dataset.livePage ?? location.pathname + location.search;
  const say = speaker(element);
  let source;
  let isRunning = false;
  let again = false;
  let hasLeft = false;

  // Whoever leaves does nothing else: another look would lead elsewhere.
  function leave(address) {
    hasLeft = true;
    source.close();
    location.assign(address);
  }

  async function refresh() {
    const response = await fetch(shown, { headers: { accept: 'text/html' }, credentials: 'same-origin' });
    if (response.redirected && new URL(response.url).pathname !== new URL(shown, location.href).pathname) {
      leave(response.url);
      return;
    }
    if (!response.ok) return;
    const fresh = (await parsed(response)).getElementById(element.id);
    if (!fresh) {
      // The page has become another one; only a whole load shows it.
      leave(shown);
      return;
    }
    await letGo;
    say(fresh);
    element = renewed(element, fresh);
    if (!element.dataset.live) source.close();
  }

  async function changed() {
    again = true;
    if (isRunning) return;
    isRunning = true;
    while (again && !hasLeft) {
      again = false;
      // A lost connection is no error here: the next message tries again.
      await refresh().catch(() => {});
    }
    isRunning = false;
  }

  // Whatever is still in motion after the end is followed again.
  async function ended() {
    source.close();
    await changed();
    setTimeout(open, 3000);
  }

  function open() {
    if (hasLeft || !element.dataset.live) return;
    source = new EventSource(element.dataset.live);
    source.addEventListener('message', changed);
    source.addEventListener('end', ended);
    source.addEventListener('error', ({ target }) => target.readyState === EventSource.CLOSED && ended());
  }

  open();
}

all('[data-live]').forEach(follow);
