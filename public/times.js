// @ts-check

/** Times in the reader's own zone; the server writes them in UTC. Days stay as they are. */

const format = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: 'medium',
  timeStyle: 'short',
});

function translate() {
  for (const time of document.querySelectorAll('time[datetime*="T"]:not([data-local])')) {
    if (!(time instanceof HTMLTimeElement)) continue;
    time.dataset['local'] = '';
    time.title = time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

translate();
document.addEventListener('page:changed', translate);
