import { describe, expect, it } from '@jest/globals';
import type { Request } from 'express';
import type { PageOf } from '../../src/fullscript/pagination.js';
import type { ReadFailure } from '../../src/fullscript/read-failure.js';
import { sessionsView } from '../../src/routes/account.js';
import { found, pageNumber, pager, searchQuery } from '../../src/routes/list-page.js';
import { day } from '../../src/routes/moment.js';
import { failureStatus, notice } from '../../src/routes/notice.js';
import { orderRows } from '../../src/routes/order-rows.js';
import { nameOf } from '../../src/routes/names.js';
import { patientDetails } from '../../src/routes/patient-details.js';
import { permissions, permissionsAskedFor } from '../../src/routes/permissions.js';
import { planRows } from '../../src/routes/plan-rows.js';

/** What pages say, made of what Fullscript said. */

const asked = (originalUrl: string): Request => {
  const query = Object.fromEntries(new URLSearchParams(originalUrl.split('?')[1] ?? ''));
  return { originalUrl, query } as unknown as Request;
};

const listOf = <T>(items: T[], about: Partial<PageOf<T>> = {}): PageOf<T> => ({
  ...{ items, page: 1, previous: undefined, next: undefined, pages: 1, total: items.length },
  ...about,
});

describe('sessionsView', () => {
  const listed = (count: number, current: number) =>
    Array.from({ length: count }, (_, at) => ({
      ...{ name: `s${at}`, signedInAt: 1_000_000 - at, current: at === current },
    }));
  const namesOf = ({ sessions }: ReturnType<typeof sessionsView>) =>
    sessions.map(({ name }) => name);

  it.each([
    [1, 0],
    [50, 49],
  ])('%i sessions → all of them, in their order', (count, current) => {
    const view = sessionsView(listed(count, current));
    expect(namesOf(view)).toEqual(listed(count, current).map(({ name }) => name));
    expect(view).toMatchObject({ older: 0, hasOthers: count > 1 });
  });

  it.each([
    ['the newest', 0, ['s0', 's1', 's49']],
    ['the oldest', 953, ['s953', 's0', 's48']],
  ])(
    '954 sessions, and this browser has %s → fifty, this one among them',
    (...[, current, seen]) => {
      const view = sessionsView(listed(954, current));
      const names = namesOf(view);
      expect([names[0], names[1], names.at(-1)]).toEqual(seen);
      expect(names).toHaveLength(50);
      expect(view).toMatchObject({ older: 904, hasOthers: true });
    },
  );
});

describe('pageNumber', () => {
  it.each([
    ['2', 2],
    ['999999', 999_999],
    ['0', 1],
    ['-1', 1],
    ['1e3', 1],
    ['1000000', 1],
    ['two', 1],
    ['', 1],
  ])('%j → %i', (text, page) => {
    expect(pageNumber(asked(`/portal/patients?page=${text}`))).toBe(page);
  });

  it('several at once → the first page', () => {
    expect(pageNumber({ query: { page: ['2', '3'] } } as unknown as Request)).toBe(1);
  });
});

describe('searchQuery', () => {
  it('is trimmed and cut to what Fullscript is asked for', () => {
    expect(searchQuery(asked('/x?query=%20ana%20'))).toBe('ana');
    expect(searchQuery(asked(`/x?query=${'a'.repeat(200)}`))).toHaveLength(100);
    expect(searchQuery(asked('/x'))).toBe('');
  });
});

describe('pager', () => {
  it('keeps what else the address says, but not that somebody waits', () => {
    const list = { ready: listOf([1], { page: 2, previous: 1, next: 3, pages: 5 }) };
    const req = asked('/portal/patients?query=a%26b&page=2&wait=1');
    expect(pager(req, list, { label: 'Pages' })).toEqual({
      label: 'Pages',
      text: 'Page 2 of 5',
      previous: '/portal/patients?query=a%26b&page=1',
      next: '/portal/patients?query=a%26b&page=3',
      first: undefined,
    });
  });

  it('two lists on a page do not move each other', () => {
    const list = { ready: listOf([1], { next: 2, pages: 2 }) };
    const { next } = pager(asked('/p?plans=3'), list, { label: 'Pages', name: 'orders' });
    expect(next).toBe('/p?plans=3&orders=2');
  });

  it('beyond the last page → the way to the first', () => {
    const list = { ready: listOf([], { page: 99, previous: 6, pages: 6, total: 150 }) };
    expect(pager(asked('/p?page=99'), list, { label: 'Pages' }).first).toBe('/p?page=1');
  });

  it('a list that is not there → no links', () => {
    const { previous, next } = pager(asked('/p'), {}, { label: 'Pages' });
    expect([previous, next]).toEqual([undefined, undefined]);
  });
});

describe('found', () => {
  it.each([
    [{}, ''],
    [{ ready: listOf([], { total: 0 }) }, '0 patients'],
    [{ ready: listOf([1], { total: 1 }) }, '1 patient'],
    [{ ready: listOf([1, 2], { total: undefined }) }, '2 patients'],
    [{ ready: listOf([1, 2], { total: 150 }) }, '150 patients'],
  ])('%j → %j', (list, text) => {
    expect(found(list, ['patient', 'patients'])).toBe(text);
  });
});

describe('day', () => {
  it.each([
    ['2026-02-01', 'Feb 1, 2026'],
    // As it stands there: the day does not move with the zone of whoever reads it.
    ['2026-02-02T23:26:02.000-05:00', 'Feb 2, 2026'],
  ])('%s → %s', (iso, text) => {
    expect(day(iso)?.text).toBe(text);
  });

  it.each([undefined, '', 'soon', '2026-13-40'])('%j → nothing', (iso) => {
    expect(day(iso)).toBeUndefined();
  });
});

const SUBJECT = { what: 'the orders', scope: 'patients:order_history', reconnectHref: '/again' };
const KINDS: [ReadFailure['kind'], number, string][] = [
  ['scope_missing', 200, 'lacks the permission “See orders” (patients:order_history)'],
  ['restricted', 200, 'does not let this portal, or your role, see the orders'],
  ['not_found', 404, 'It does not know the orders'],
  ['rate_limited', 503, 'the orders can be loaded again shortly'],
  ['slow', 504, 'the orders could not be loaded'],
  ['offline', 502, 'the orders could not be loaded'],
  ['trouble', 502, 'the orders could not be loaded'],
  ['garbage', 502, 'the orders could not be loaded'],
  ['crowded', 429, 'the orders had no turn'],
  ['congested', 503, 'the orders had no turn'],
  ['refused', 502, 'the orders could not be loaded'],
];

describe('notice', () => {
  it.each(KINDS)('%s → %i, and says what is missing', (kind, status, says) => {
    expect(failureStatus({ kind })).toBe(status);
    expect(notice({ kind }, SUBJECT).text).toContain(says);
  });

  it('different kinds of trouble → different words', () => {
    const texts = KINDS.map(([kind]) => notice({ kind }, SUBJECT).text);
    expect(new Set(texts).size).toBe(KINDS.length);
  });

  it('leads to connect again where that may help, and back here where waiting may', () => {
    const ways = KINDS.map(([kind]) => notice({ kind }, SUBJECT).href);
    expect(ways).toEqual(['/again', '/again', undefined, ...Array<string>(8).fill('')]);
  });

  it('counts whole seconds, never too few', () => {
    expect(notice({ kind: 'rate_limited', retryAfterMs: 1_001 }, SUBJECT).wait).toBe(2);
  });
});

describe('permissions', () => {
  it('in words, in their order; one that is new stands for itself', () => {
    expect(
      permissions(['catalog:read', 'labs:new', 'constructor']).map(({ title }) => title),
    ).toEqual(['Browse the catalog', 'labs:new', 'constructor']);
  });

  it('asked for: what the application says it needs, else what the pages read', () => {
    expect(permissionsAskedFor(['clinic:write']).map(({ scope }) => scope)).toEqual([
      'clinic:write',
    ]);
    expect(permissionsAskedFor([]).map(({ scope }) => scope)).toContain('patients:read');
  });
});

describe('people', () => {
  it('a name, else the email, else something to click on', () => {
    expect(nameOf({ name: 'Ana', email: 'a@example.test' })).toBe('Ana');
    expect(nameOf({ name: '', email: 'a@example.test' })).toBe('a@example.test');
    expect(nameOf({ name: '', email: undefined })).toBe('No name');
  });

  it('details: only what is known', () => {
    const bare = { id: '1', name: 'Ana', email: undefined, archived: false };
    const none = { dateOfBirth: undefined, gender: undefined, discount: undefined };
    const nothing = { ...bare, ...none, mobileNumber: undefined, textMessages: undefined };
    expect(patientDetails(nothing)).toEqual([]);
    const full = { ...nothing, dateOfBirth: '1990-05-06', gender: 'x', discount: 0 };
    expect(patientDetails({ ...full, textMessages: false, archived: true })).toEqual([
      ['Date of birth', 'May 6, 1990'],
      ['Gender', 'X'],
      ['Discount', '0%'],
      ['Text messages', 'No'],
      ['Archived', 'Yes'],
    ]);
  });
});

describe('planRows', () => {
  const plan = {
    ...{ id: '1', practitionerId: 'p', updatedAt: undefined },
    ...{ availableAt: '2026-02-01', createdAt: '2026-01-31T10:00:00Z' },
  };

  it.each([
    ['active', 'Active', 'good'],
    ['draft', 'Draft', 'warn'],
    ['cancelled', 'Cancelled', 'plain'],
    ['in_review', 'In review', 'plain'],
    [undefined, 'Unknown', 'plain'],
  ])('%s → %s', (state, shown, tone) => {
    const names = new Map([['p', 'Leila Haddad']]);
    expect(planRows({ ...listOf([{ ...plan, state }]), names })[0]).toMatchObject({
      state: shown,
      tone,
      practitioner: 'Leila Haddad',
      available: 'Feb 1, 2026',
    });
  });
});

describe('orderRows', () => {
  const names = new Map([
    ['a', 'Zinc (Glenbay)'],
    ['b', 'Iron (Glenbay)'],
  ]);

  it.each([
    [['a', 'b'], 'Zinc (Glenbay), Iron (Glenbay)'],
    [['a', 'x'], 'Zinc (Glenbay), 1 more product'],
    [['a', 'x', 'y'], 'Zinc (Glenbay), 2 more products'],
    [['x'], '1 product'],
    [['x', 'y'], '2 products'],
    [[], ''],
  ])('%j → %j', (variantIds, items) => {
    const order = { id: '1', number: undefined, completedAt: undefined, planIds: [], variantIds };
    expect(orderRows({ ...listOf([order]), names })).toEqual([
      { number: '1', items, completed: undefined },
    ]);
  });
});
