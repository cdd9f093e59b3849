// @ts-check

/**
 * Opens a page of ours in the background.
 *
 * @param {string} href
 * @param {AbortSignal} [signal]
 * @returns {Promise<Document | undefined>} undefined when it was not a page that came
 */
export async function openPage(href, signal) {
  const answer = await fetch(href, { signal: signal ?? null, headers: { accept: 'text/html' } });
  const isPage = answer.headers.get('content-type')?.startsWith('text/html') ?? false;
  // Led away to sign in, for example: only the whole page can follow there.
  if (answer.redirected || !isPage) return undefined;
  return new DOMParser().parseFromString(await answer.text(), 'text/html');
}

/**
 * Puts what another page has under an id in place of what this one has there. Whoever was inside with
 * the keyboard goes on at its heading.
 *
 * @param {Document} from
 * @param {string} id
 * @returns {boolean} whether both have it
 */
export function replaceRegion(from, id) {
  const fresh = from.getElementById(id);
  const stale = document.getElementById(id);
  if (fresh === null || stale === null) return false;
  const wasInside = stale.contains(document.activeElement);
  stale.replaceChildren(...fresh.childNodes);
  const heading = stale.querySelector('h2');
  if (wasInside && heading !== null) {
    heading.tabIndex = -1;
    heading.focus();
  }
  document.dispatchEvent(new CustomEvent('page:changed'));
  return true;
}
