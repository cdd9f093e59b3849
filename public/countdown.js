// @ts-check
import { say } from './say.js';

/** Counts down how long to wait. Told to screen readers at the end only. */

/** @param {HTMLElement} place */
function countDown(place) {
  const end = performance.now() + Number(place.dataset['countdown']) * 1000;
  delete place.dataset['countdown'];
  place.setAttribute('role', 'timer');
  const timer = setInterval(show, 250);
  function show() {
    const left = Math.ceil((end - performance.now()) / 1000);
    const text = left > 0 ? `in ${left} ${left === 1 ? 'second' : 'seconds'}` : 'now';
    if (place.textContent !== text) place.textContent = text;
    if (left > 0 && place.isConnected) return;
    clearInterval(timer);
    if (place.isConnected) say('You can try again now.');
  }
}

function start() {
  for (const place of document.querySelectorAll('[data-countdown]')) {
    if (place instanceof HTMLElement) countDown(place);
  }
}

start();
document.addEventListener('page:changed', start);
