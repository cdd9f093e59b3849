// @ts-check
import { say } from './say.js';

/** Shows that something was set going, and keeps a form from being sent twice. */

const AFTER_MS = 250;
const SLOW_MS = 5_000;
/** After that a form may be sent again: perhaps the loading was stopped, of which nobody tells us. */
const AGAIN_MS = 8_000;

/** @type {ReturnType<typeof setTimeout>[]} */
let timers = [];

function begin() {
  end();
  timers = [
    setTimeout(() => document.body.classList.add('busy'), AFTER_MS),
    setTimeout(() => say('This is taking longer than usual.'), SLOW_MS),
    setTimeout(release, AGAIN_MS),
  ];
}

function end() {
  for (const timer of timers) clearTimeout(timer);
  timers = [];
  document.body.classList.remove('busy');
  say('');
}

document.addEventListener('submit', (event) => {
  if (!(event.target instanceof HTMLFormElement)) return;
  const { target, submitter } = event;
  if (target.dataset['sent'] !== undefined) {
    event.preventDefault();
    return;
  }
  if (target.method === 'post') {
    target.dataset['sent'] = '';
    submitter?.setAttribute('aria-disabled', 'true');
  }
  begin();
});

document.addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const isPlain =
    !event.defaultPrevented &&
    event.button === 0 &&
    !event.metaKey &&
    !event.ctrlKey &&
    !event.shiftKey;
  if (link === null || !isPlain || link.target !== '' || link.hash !== '') return;
  begin();
});

/** Lets forms be sent again. */
function release() {
  end();
  for (const form of document.querySelectorAll('form[data-sent]')) {
    if (form instanceof HTMLFormElement) delete form.dataset['sent'];
    form.querySelector('[aria-disabled]')?.removeAttribute('aria-disabled');
  }
}

// The page may come back from the browser's memory as it was left.
addEventListener('pageshow', release);
addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') release();
});
