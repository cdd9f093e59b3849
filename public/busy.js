// @ts-check

/** Shows that something was set going, and keeps a form from being sent twice. */

const AFTER_MS = 250;
const SLOW_MS = 5_000;

/** @type {ReturnType<typeof setTimeout>[]} */
let timers = [];

function begin() {
  end();
  timers = [
    setTimeout(() => document.body.classList.add('busy'), AFTER_MS),
    setTimeout(
      () => say('This is taking longer than usual. You can wait, or stop and go on.'),
      SLOW_MS,
    ),
  ];
}

function end() {
  for (const timer of timers) clearTimeout(timer);
  timers = [];
  document.body.classList.remove('busy');
}

/** @param {string} text */
function say(text) {
  document.getElementById('live')?.replaceChildren(text);
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

// The page may come back from the browser's memory as it was left.
addEventListener('pageshow', () => {
  end();
  for (const form of document.querySelectorAll('form[data-sent]')) {
    if (form instanceof HTMLFormElement) delete form.dataset['sent'];
    form.querySelector('[aria-disabled]')?.removeAttribute('aria-disabled');
  }
});
