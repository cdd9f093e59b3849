// @ts-check
// One event stream from our server, for as long as somebody is signed in.

/**
 * What is known. `reachable` is false when the server has not answered for a while; then the rest is
 * what it said last, if anything.
 *
 * @typedef {object} LiveState
 * @property {boolean} reachable
 * @property {boolean} [signedIn]
 * @property {string} [who] tells one user from another
 * @property {'active' | 'needs_reconnect' | 'disconnected'} [status]
 * @property {string | null} [obtainedAt] ISO 8601
 * @property {string | null} [expiresAt] ISO 8601
 */

const LOST_MS = 10_000;
const RETRY_MS = 5_000;
const CHECK_MS = 5_000;
const CONFIRM_MS = 1_500;
/** No content: nobody is signed in, so there is nothing to watch. */
const NOBODY = 204;

/**
 * Watches until it is stopped, or until nobody is signed in, which is the last it tells.
 *
 * @param {string} url
 * @param {(state: LiveState) => void} tell
 * @returns {() => void} stops it.
 */
export function watchStream(url, tell) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {Partial<LiveState>} */
  let last = {};
  let isLost = false;
  let isStopped = false;
  /** @type {number | undefined} */
  let losing;
  /** @type {number | undefined} */
  let retry;

  function stop() {
    isStopped = true;
    source?.close();
    clearTimeout(losing);
    clearTimeout(retry);
  }

  function trouble() {
    losing ??= setTimeout(() => {
      isLost = true;
      tell({ ...last, reachable: false });
    }, LOST_MS);
  }

  function answered() {
    clearTimeout(losing);
    losing = undefined;
    if (isLost) tell({ ...last, reachable: true });
    isLost = false;
  }

  function open() {
    const opened = new EventSource(url);
    source = opened;
    opened.addEventListener('open', answered);
    opened.addEventListener('state', ({ data }) => {
      const state = JSON.parse(data);
      if (!state.signedIn) {
        // This session has ended. The browser may have got another one meanwhile.
        check(0);
        return;
      }
      last = state;
      tell({ ...state, reachable: true });
    });
    opened.addEventListener('error', () => {
      trouble();
      // Refused: the browser does not try again by itself, and does not say how.
      if (opened.readyState === EventSource.CLOSED) check(RETRY_MS);
    });
  }

  /**
   * @param {number} waitMs until the next stream is opened.
   * @param {boolean} [isSecond] whether somebody seemed to be signed out a moment ago.
   */
  async function check(waitMs, isSecond = false) {
    source?.close();
    const signal = AbortSignal.timeout(CHECK_MS);
    const asked = fetch(url, { method: 'HEAD', cache: 'no-store', signal });
    const status = await asked.then(
      (answer) => answer.status,
      () => 0,
    );
    if (isStopped) return;
    if (status === NOBODY && !isSecond) {
      // A new sign-in ends the session before its answer, with the new cookie, is here.
      retry = setTimeout(() => void check(waitMs, true), CONFIRM_MS);
      return;
    }
    if (status === NOBODY) {
      stop();
      tell({ signedIn: false, reachable: true });
      return;
    }
    if (status === 200) answered();
    else trouble();
    retry = setTimeout(open, status === 200 ? waitMs : RETRY_MS);
  }

  open();
  return stop;
}
