// @ts-check

/** The bar that shows how long the access token is still good. */

/** @param {number} seconds */
function inWords(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/**
 * The server's clock is what counts; the page says how much was left when it was sent.
 *
 * @param {HTMLProgressElement} bar
 */
function follow(bar) {
  let expires = Date.parse(bar.dataset['expires'] ?? '');
  const ahead = expires - bar.value * 1000 - Date.now();
  const text = document.getElementById(bar.getAttribute('aria-describedby') ?? '');
  const timer = setInterval(show, 1000);
  document.addEventListener('fullscript:state', hear);
  show();

  function show() {
    if (!bar.isConnected) {
      clearInterval(timer);
      document.removeEventListener('fullscript:state', hear);
      return;
    }
    const left = Math.max(0, Math.round((expires - Date.now() - ahead) / 1000));
    bar.value = left;
    if (text === null) return;
    text.textContent =
      left > 0
        ? `Good for ${inWords(left)}, then renewed automatically.`
        : 'At its end; renewed with the next page you open.';
  }

  /** @param {Event} event */
  function hear(event) {
    const { obtainedAt, expiresAt } = /** @type {CustomEvent} */ (event).detail;
    if (!obtainedAt || bar.dataset['obtained'] === obtainedAt) return;
    bar.dataset['obtained'] = obtainedAt;
    expires = Date.parse(expiresAt);
    bar.max = (expires - Date.parse(obtainedAt)) / 1000;
    sayRefreshed(obtainedAt);
    show();
  }
}

/** @param {string} at */
function sayRefreshed(at) {
  const place = document.getElementById('refreshed');
  if (place === null) return;
  const time = document.createElement('time');
  time.dateTime = at;
  time.textContent = at;
  place.replaceChildren(time);
  document.dispatchEvent(new CustomEvent('page:changed'));
}

function start() {
  for (const bar of document.querySelectorAll('progress[data-expires]:not([data-followed])')) {
    if (!(bar instanceof HTMLProgressElement)) continue;
    bar.dataset['followed'] = '';
    follow(bar);
  }
}

start();
document.addEventListener('page:changed', start);
