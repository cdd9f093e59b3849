// @ts-check
import { openPage, replaceRegion } from './region.js';

/** Lists are searched while somebody types. */

const PAUSE_MS = 250;

/**
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} input
 */
function watch(form, input) {
  let shown = input.value.trim();
  let asked = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pause;

  async function search() {
    const query = input.value.trim();
    // What is under way would come after what is wanted now.
    asked.abort();
    const mine = new AbortController();
    asked = mine;
    document.body.classList.remove('busy');
    if (query === shown) return;
    const href = query === '' ? form.action : `${form.action}?${new URLSearchParams({ query })}`;
    document.body.classList.add('busy');
    try {
      const page = await openPage(waitFor(href), mine.signal);
      if (page === undefined) {
        location.assign(href);
        return;
      }
      replaceRegion(page, form.dataset['search'] ?? '');
      replaceRegion(page, 'found');
      history.replaceState(null, '', href);
      shown = query;
    } catch {
      // Overtaken by the next letter, or the server is away: the button still works.
    }
    if (asked === mine) document.body.classList.remove('busy');
  }

  input.addEventListener('input', () => {
    clearTimeout(pause);
    pause = setTimeout(() => void search(), PAUSE_MS);
  });
}

/** @param {string} href */
function waitFor(href) {
  const url = new URL(href);
  url.searchParams.set('wait', '1');
  return url.href;
}

for (const form of document.querySelectorAll('form[data-search]')) {
  const input = form.querySelector('input[type=search]');
  if (form instanceof HTMLFormElement && input instanceof HTMLInputElement) watch(form, input);
}
