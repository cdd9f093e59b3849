// @ts-check
import { openPage, replaceRegion } from './region.js';

/** Parts of a page that Fullscript was slow with are fetched once it has answered, all at once. */

const SLOW_MS = 4_000;

/** @param {string} text */
function say(text) {
  document.getElementById('loaded')?.replaceChildren(text);
}

/**
 * @param {string} href
 * @param {HTMLElement[]} places
 */
async function fill(href, places) {
  /** @param {(Node | string)[]} words */
  const hint = (...words) => {
    for (const place of places) (place.querySelector('p') ?? place).replaceChildren(...words);
  };
  const patience = setTimeout(
    () => hint('Fullscript is taking longer than usual. You need not do anything.'),
    SLOW_MS,
  );
  say('Loading');
  try {
    const page = await openPage(href);
    const ids = places.map((place) => place.closest('section[id]')?.id ?? '');
    if (page === undefined || !ids.every((id) => page.getElementById(id))) {
      location.replace(href);
      return;
    }
    for (const id of ['title', 'found', ...new Set(ids)]) replaceRegion(page, id);
    document.title = page.title;
    say('Loaded');
  } catch {
    const link = document.createElement('a');
    link.href = '';
    link.textContent = 'Try again';
    hint('The server could not be reached. ', link);
  } finally {
    clearTimeout(patience);
  }
}

/** @type {Map<string, HTMLElement[]>} */
const late = new Map();
for (const place of document.querySelectorAll('[data-late]')) {
  if (!(place instanceof HTMLElement)) continue;
  const href = place.dataset['late'] ?? '';
  late.set(href, [...(late.get(href) ?? []), place]);
}
for (const [href, places] of late) void fill(href, places);
