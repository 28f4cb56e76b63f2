// Parts that follow the server: whenever it says so, the page is read anew and the part taken from it.

import { all, parsed, prepare } from './app.js';

// Once a page is left nothing is read any more: what is true by then would lead somewhere else.
const left = new Promise(() => {});

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
      return left;
    }
    if (!response.ok) return;
    const page = await parsed(response);
    const fresh = page.getElementById(element.id);
    if (!fresh) {
      // The page has become another one; only a whole load shows it.
      source.close();
      location.reload();
      return left;
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

all('[data-live]').forEach(follow);
