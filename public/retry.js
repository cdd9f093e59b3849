// @ts-check
import { say } from './say.js';

/** Where the server's own store is away, asks from time to time whether it is back, and reloads then. */

const LONGEST_MS = 30_000;

/** @param {number} waitMs */
async function ask(waitMs) {
  // Not all open pages at the same moment.
  await new Promise((resolve) => setTimeout(resolve, waitMs * (0.75 + Math.random() / 2)));
  const isBack = await fetch('/readyz').then(
    ({ ok }) => ok,
    () => false,
  );
  if (isBack) location.reload();
  else void ask(Math.min(LONGEST_MS, waitMs * 1.5));
}

const place = document.querySelector('[data-retry]');
if (place instanceof HTMLElement) {
  say('Trying again automatically …');
  void ask(Number(place.dataset['retry']) * 1000);
}
