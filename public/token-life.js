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
 * The server's clock is what counts; it said how much was left when it sent the page. What is heard of
 * a renewal later has the server's times, too: how long the token lives from the moment it came.
 *
 * @param {HTMLProgressElement} bar
 */
function follow(bar) {
  let end = performance.now() + bar.value * 1000;
  const text = document.getElementById(bar.getAttribute('aria-describedby') ?? '');
  const timer = setInterval(show, 1000);
  document.addEventListener('fullscript:state', (event) => {
    const { obtainedAt, expiresAt } = /** @type {CustomEvent} */ (event).detail;
    if (!obtainedAt || bar.dataset['obtained'] === obtainedAt) return;
    bar.dataset['obtained'] = obtainedAt;
    bar.max = (Date.parse(expiresAt) - Date.parse(obtainedAt)) / 1000;
    end = performance.now() + bar.max * 1000;
    sayRefreshed(obtainedAt);
    show();
  });
  show();
  function show() {
    if (!bar.isConnected) clearInterval(timer);
    const left = Math.max(0, Math.round((end - performance.now()) / 1000));
    bar.value = left;
    if (text === null) return;
    text.textContent =
      left > 0
        ? `Good for ${inWords(left)}, then renewed by itself.`
        : 'At its end; renewed with the next page you open.';
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
