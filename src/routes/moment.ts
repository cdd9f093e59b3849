const READABLE = new Intl.DateTimeFormat('en', {
  dateStyle: 'medium',
  timeStyle: 'short',
  timeZone: 'UTC',
});

/** A time for a page: for machines and for people. */
export function moment(instant: number): { iso: string; text: string } {
  return { iso: new Date(instant).toISOString(), text: `${READABLE.format(instant)} UTC` };
}
