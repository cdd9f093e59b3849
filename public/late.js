// @ts-check
import { openPage, replaceRegion } from './region.js';

/** Parts of a page that Fullscript was slow with are fetched once it has answered. */

const SLOW_MS = 4_000;

/** @param {HTMLElement} place */
async function fill(place) {
  const region = place.closest('section[id]');
  const href = place.dataset['late'];
  if (region === null || href === undefined) return;
  const hint = place.querySelector('p');
  const patience = setTimeout(() => {
    hint?.replaceChildren('Fullscript is taking longer than usual. This goes on by itself.');
  }, SLOW_MS);
  try {
    const page = await openPage(href);
    if (page === undefined || !replaceRegion(page, region.id)) location.replace(href);
    else replaceRegion(page, 'found');
  } catch {
    hint?.replaceChildren('The server could not be reached. ', reloadLink());
  } finally {
    clearTimeout(patience);
  }
}

function reloadLink() {
  const link = document.createElement('a');
  link.href = '';
  link.textContent = 'Try again';
  return link;
}

for (const place of document.querySelectorAll('[data-late]')) {
  if (place instanceof HTMLElement) void fill(place);
}
