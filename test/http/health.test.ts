import express from 'express';
import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { secret } from '../../src/oauth/secret.js';
import { type HealthRoutesDeps, healthRoutes } from '../../src/routes/health.js';

const asked: string[] = [];

function probes(deps: Partial<HealthRoutesDeps> = {}) {
  asked.length = 0;
  const app = express();
  app.use(
    healthRoutes({
      ping: () => {
        asked.push('ping');
        return Promise.resolve();
      },
      tryWrite: () => Promise.resolve('taken'),
      draining: () => false,
      unsaved: () => 0,
      metrics: {
        registry: { contentType: 'text/plain' },
        scrape: () => Promise.resolve('a_metric 1\n'),
      },
      metricsToken: undefined,
      ...deps,
    }),
  );
  return request(app);
}

async function readyz(deps: Partial<HealthRoutesDeps> = {}) {
  const answer = await probes(deps).get('/readyz');
  const { status, text } = answer;
  const { 'retry-after': retryAfter } = answer.headers as Record<string, string | undefined>;
  return { status, body: answer.body as unknown, text, retryAfter };
}

const silent = () => Promise.reject(new Error('connect ECONNREFUSED redis.internal:6379'));

describe('/readyz', () => {
  it('all is well → 200, and no reason', async () => {
    const { status, body, retryAfter } = await readyz();
    expect({ status, body }).toEqual({
      status: 200,
      body: { status: 'ok', reasons: [], store: 'ok', journal: 'empty' },
    });
    expect(retryAfter).toBeUndefined();
  });

  it('the store does not answer → 503, store_unavailable, and nothing of the error', async () => {
    const { status, body, text, retryAfter } = await readyz({ ping: silent });
    expect({ status, body }).toEqual({
      status: 503,
      body: {
        status: 'unavailable',
        reasons: ['store_unavailable'],
        store: 'no answer',
        journal: 'empty',
      },
    });
    expect(retryAfter).toBe('2');
    expect(text).not.toContain('redis.internal');
  });

  it('the store refuses writes → 503, store_read_only', async () => {
    const { status, body } = await readyz({ tryWrite: () => Promise.resolve('refused') });
    expect({ status, body }).toMatchObject({
      status: 503,
      body: { reasons: ['store_read_only'], store: 'takes no writes' },
    });
  });

  it('a trial of a write gets no answer → 503, store_unavailable', async () => {
    const { status, body } = await readyz({ tryWrite: silent });
    expect({ status, body }).toMatchObject({
      status: 503,
      body: { reasons: ['store_unavailable'], store: 'no answer' },
    });
  });

  it('draining → 503 at once: the store is not asked', async () => {
    const { status, body } = await readyz({ draining: () => true });
    expect(status).toBe(503);
    expect(body).toMatchObject({ reasons: ['draining'], store: 'not asked' });
    expect(asked).toEqual([]);
  });

  it('pairs in the journal → 503, journal_not_empty, and how many', async () => {
    const { status, body } = await readyz({ unsaved: () => 2 });
    expect(status).toBe(503);
    expect(body).toMatchObject({
      reasons: ['journal_not_empty'],
      store: 'ok',
      journal: '2 to be saved',
    });
  });

  it('several reasons → all of them', async () => {
    const { body } = await readyz({ ping: silent, unsaved: () => 1 });
    expect(body).toMatchObject({ reasons: ['store_unavailable', 'journal_not_empty'] });
  });
});

describe('/livez', () => {
  it('whatever is wrong → 200: a restart would mend none of it', async () => {
    const bad = { ping: silent, draining: () => true, unsaved: () => 9 };
    expect((await probes(bad).get('/livez')).status).toBe(200);
  });
});

describe('/metrics', () => {
  const metricsToken = secret('the-token');

  it('no token wanted → open', async () => {
    expect((await probes().get('/metrics')).text).toBe('a_metric 1\n');
  });

  it.each([undefined, 'Bearer', 'Bearer the-tokem', 'Bearer the-token-and-more', 'the-token'])(
    'a token wanted, %s given → 401, and no metric',
    async (given) => {
      const probe = probes({ metricsToken }).get('/metrics');
      const answer = await (given === undefined ? probe : probe.set('Authorization', given));
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 401, text: '' });
      expect(answer.headers).toMatchObject({ 'www-authenticate': 'Bearer' });
    },
  );

  it('the token → the metrics', async () => {
    const answer = await probes({ metricsToken })
      .get('/metrics')
      .set('Authorization', 'Bearer the-token');
    expect(answer.text).toBe('a_metric 1\n');
  });
});
