// @ts-check
// Tells this page how the connection stands, as it changes: each state is a `fullscript:state` event on
// the document. Browsers allow few connections to one host, so the tabs elect one that holds the stream
// and passes on what it hears.
import './live-notice.js';
import { watchStream } from './live-stream.js';

/** @typedef {import('./live-stream.js').LiveState} LiveState */

const NAME = 'fullscript-connect-live';
const ASK = 'ask';

/** @param {LiveState} state */
function show(state) {
  document.dispatchEvent(new CustomEvent('fullscript:state', { detail: state }));
}

/**
 * Takes part with the other tabs, perhaps as the one that holds the stream.
 *
 * @param {string} url
 * @returns {() => void} ends it, and lets another tab go on.
 */
function shareStream(url) {
  const channel = new BroadcastChannel(NAME);
  const leaving = new AbortController();
  /** @type {LiveState | undefined} */
  let heard;
  let isQueued = false;

  /** Holds the stream until the page goes, or nobody is signed in any more. */
  const lead = () =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const stop = watchStream(url, (state) => {
          heard = state;
          show(state);
          channel.postMessage(state);
          if (state.signedIn === false) resolve();
        });
        leaving.signal.addEventListener('abort', () => {
          stop();
          resolve();
        });
      })
    );

  function queue() {
    isQueued = true;
    navigator.locks
      .request(NAME, { signal: leaving.signal }, lead)
      .catch(() => undefined)
      .finally(() => {
        heard = undefined;
        isQueued = false;
      });
  }

  channel.addEventListener('message', ({ data }) => {
    if (data === ASK) {
      // Only the tab with the stream has heard anything at first hand.
      if (heard !== undefined) channel.postMessage(heard);
      return;
    }
    show(data);
    // Signed out, and in again elsewhere: this tab may be needed.
    if (data.signedIn && !isQueued) queue();
  });
  channel.postMessage(ASK);
  queue();
  return () => {
    leaving.abort();
    channel.close();
  };
}

/**
 * Without locks nobody can be elected: each tab has a stream while somebody looks at it.
 *
 * @param {string} url
 * @returns {() => void}
 */
function streamWhileVisible(url) {
  /** @type {(() => void) | undefined} */
  let stop;
  const end = () => {
    stop?.();
    stop = undefined;
  };
  const turn = () => {
    if (document.visibilityState === 'visible') stop ??= watchStream(url, show);
    else end();
  };
  document.addEventListener('visibilitychange', turn);
  turn();
  return () => {
    document.removeEventListener('visibilitychange', turn);
    end();
  };
}

const url = document.body.dataset['live'];

if (url) {
  // Plain http on a name other than localhost has no locks.
  const start = 'locks' in navigator ? shareStream : streamWhileVisible;
  let leave = start(url);
  // A page that holds a lock or a channel is not kept for the way back.
  addEventListener('pagehide', () => leave());
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) leave = start(url);
  });
}
