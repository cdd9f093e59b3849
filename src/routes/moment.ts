const READABLE = new Intl.DateTimeFormat('en', {
  dateStyle: 'medium',
  timeStyle: 'short',
  timeZone: 'UTC',
});
const DAY = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });

/** A time for a page: for machines and for people. */
export interface Moment {
  readonly iso: string;
  readonly text: string;
}

/** A time of the clock, in UTC; `public/times.js` shows it in the reader's own zone. */
export function moment(instant: number): Moment {
  return { iso: new Date(instant).toISOString(), text: `${READABLE.format(instant)} UTC` };
}

/** The day of an ISO 8601 date, as it stands there; undefined when it is none. */
export function day(iso: string | undefined): Moment | undefined {
  const date = iso?.slice(0, 10) ?? '';
  const instant = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(instant) ? undefined : { iso: date, text: DAY.format(instant) };
}
