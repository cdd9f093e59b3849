// @ts-check
// Says on the page what has changed since it was made, in the element `#live`.

/** @typedef {import('./live-stream.js').LiveState} LiveState */
/** @typedef {{ text: string, label?: string, href?: string }} Notice */

const LEAVING_MS = 8_000;

const NOW = {
  active: 'Fullscript is connected again.',
  needs_reconnect: 'Fullscript needs to be connected again.',
  disconnected: 'Fullscript was disconnected elsewhere.',
};

const place = document.getElementById('live');
const shownStatus = document.body.dataset['connection'];
const shownUser = document.body.dataset['who'];
let isEmptied = false;
/** This page is on its way to another one: what changes now is its own doing. */
let isLeaving = false;

/**
 * @param {LiveState} state
 * @returns {Notice | undefined}
 */
function noticeOf({ reachable, signedIn, status, who }) {
  const here = `${location.pathname}${location.search}`;
  if (!reachable) return { text: 'Connection to the server lost; trying again.' };
  if (signedIn === false) {
    const href = `/?returnTo=${encodeURIComponent(here)}`;
    return { text: 'You were signed out.', label: 'Sign in again', href };
  }
  if (who !== undefined && who !== shownUser) {
    return { text: 'Somebody else has signed in in this browser.', label: 'Go on', href: '/' };
  }
  if (status === undefined || shownStatus === undefined || status === shownStatus) return undefined;
  return { text: NOW[status], label: 'Show', href: here };
}

/**
 * @param {HTMLElement} element
 * @param {Notice | undefined} notice
 */
function write(element, notice) {
  const { text = '', label, href } = notice ?? {};
  // The same once more would be read out once more.
  if (element.dataset['notice'] === text) return;
  element.dataset['notice'] = text;
  element.textContent = text;
  if (label === undefined || href === undefined) return;
  const link = document.createElement('a');
  link.href = href;
  link.textContent = label;
  element.append(' ', link);
}

/** What the page shows was for somebody who is gone; perhaps another person sits there now. */
function empty() {
  isEmptied = true;
  const heading = document.createElement('h1');
  heading.textContent = 'Signed out';
  document.getElementById('content')?.replaceChildren(heading);
  document.title = 'Signed out · Fullscript Connect';
}

document.addEventListener('fullscript:state', (event) => {
  const { detail } = /** @type {CustomEvent<LiveState>} */ (event);
  if (place === null || isLeaving) return;
  const isOurs = detail.signedIn !== false && (detail.who ?? shownUser) === shownUser;
  if (!isOurs) empty();
  else if (isEmptied) location.reload();
  write(place, noticeOf(detail));
});

addEventListener('submit', (event) => {
  isLeaving = !event.defaultPrevented;
  // Unless the loading was stopped, of which nobody tells us.
  setTimeout(() => (isLeaving = false), LEAVING_MS);
});
addEventListener('pageshow', () => {
  isLeaving = false;
});
