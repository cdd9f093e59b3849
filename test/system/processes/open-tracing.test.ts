import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../support/app.js';
import { type TracedServers, openTracedServers } from '../../support/traced-servers.js';
import { until } from '../../support/until.js';

const LOADED = fileURLToPath(new URL('../../support/loaded-packages.mjs', import.meta.url));
const CALLER = { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' };
const TRACEPARENT = `00-${CALLER.trace}-${CALLER.span}-01`;

let servers: TracedServers;

beforeAll(async () => {
  servers = await openTracedServers();
});

afterAll(() => servers.close());

/** One request to a server with these variables, and its whole life; its collector is its own. */
async function visit(
  variables: Record<string, string> | ((toCollector: TracedServers['toCollector']) => object),
  headers: Record<string, string> = {},
) {
  const collector = await servers.openCollector();
  const own = typeof variables === 'function' ? variables(collector.toCollector) : variables;
  const { browser, stop, output } = await servers.start({ NODE_ENV: 'test', ...own });
  const { status } = await browser.send('/api/session', { headers });
  const code = await stop();
  const { requests } = collector;
  const told = requests.map(({ body }) => body.toString('latin1'));
  return { status, code, output: output(), requests, told, spans: collector.spans() };
}

describe('what is loaded', () => {
  const preload = { NODE_OPTIONS: `--import ${LOADED}` };
  const packages = (output: string) => /loaded: (.*)/.exec(output)?.[1]?.split(' ');

  it.concurrent('no OTEL variables → nothing but the API, which prom-client asks for', async () => {
    const { output, status } = await visit({ ...preload, OTEL_SERVICE_NAME: 'portal' });
    expect(status).toBe(200);
    expect(packages(output)).toEqual(['api']);
    expect(output).not.toContain('traces');
  });

  it.concurrent('an endpoint → the SDK and the exporter', async () => {
    const { output } = await visit((to) => ({ ...preload, ...to }));
    expect(packages(output)).toEqual(
      expect.arrayContaining(['sdk-trace-node', 'exporter-trace-otlp-http', 'resources']),
    );
    expect(packages(output)).not.toContain('exporter-trace-otlp-proto');
  });
});

describe('what is exported', () => {
  it.concurrent('protobuf, unless asked for something else → the spans are in it', async () => {
    const { requests, told } = await visit(({ OTEL_EXPORTER_OTLP_ENDPOINT }) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT,
      OTEL_SERVICE_NAME: 'the-portal',
    }));
    expect(requests.map(({ contentType }) => contentType)).toEqual(['application/x-protobuf']);
    expect(told[0]).toContain('GET /api/session');
    expect(told[0]).toContain('the-portal');
  });

  it.concurrent('the console → standard output', async () => {
    const { output, requests } = await visit({ OTEL_TRACES_EXPORTER: 'console' });
    expect(output).toContain("name: 'GET /api/session'");
    expect(requests).toEqual([]);
  });

  it.concurrent.each([
    ['a sampler that keeps nothing', 'parentbased_traceidratio', '0'],
    ['a sampler that is off', 'always_off', ''],
  ])('%s → nothing', async (_, sampler, argument) => {
    const sampling = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument };
    const seen = await visit((to) => ({ ...to, ...sampling }));
    expect(seen).toMatchObject({ code: 0, requests: [] });
  });

  it.concurrent('while it runs → without waiting for the end', async () => {
    const often = { OTEL_BSP_SCHEDULE_DELAY: '20' };
    const { toCollector, requests } = await servers.openCollector();
    const { browser } = await servers.start({ ...toCollector, ...often });
    await browser.send('/api/session');
    await until(() => requests.some(({ body }) => body.includes('GET /api/session')));
  });
});

describe("a caller's trace", () => {
  const kept = { ...{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' } };

  it.concurrent(
    'nobody vouches for the caller → it is not continued, and forces nothing',
    async () => {
      const from = { traceparent: TRACEPARENT };
      const [all, sampled] = await Promise.all([
        visit((to) => to, from),
        visit((to) => ({ ...to, ...kept }), from),
      ]);
      expect(all.told.join()).not.toContain(CALLER.trace);
      expect(all.told.join()).toContain('GET /api/session');
      expect(sampled.requests).toEqual([]);
    },
  );

  it.concurrent('behind a trusted proxy → it goes on, sampled as the proxy says', async () => {
    const { spans } = await visit((to) => ({ ...to, ...kept, TRUST_PROXY: '1' }), {
      traceparent: TRACEPARENT,
    });
    const theirs = spans.filter(({ traceId }) => traceId === CALLER.trace);
    const root = theirs.find(({ name }) => name === 'GET /api/session');
    expect(root?.parentSpanId).toBe(CALLER.span);
  });

  it.concurrent('without tracecontext among the propagators → it is not continued', async () => {
    const proxied = { TRUST_PROXY: '1', OTEL_PROPAGATORS: 'none' };
    const { told } = await visit((to) => ({ ...to, ...proxied }), { traceparent: TRACEPARENT });
    expect(told.join()).not.toContain(CALLER.trace);
    expect(told).toHaveLength(1);
  });
});

describe('trouble', () => {
  it.concurrent('a collector that is away → requests go on, one line, and an end', async () => {
    const away = `http://127.0.0.1:${await freePort()}`;
    const { browser, stop, output } = await servers.start({
      ...servers.toCollector,
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: away, OTEL_BSP_SCHEDULE_DELAY: '10' },
      // Gives up before its first retry, so that there is something to say many times.
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
      NODE_ENV: 'test',
    });
    const lines = () => output().match(/traces cannot be exported/g) ?? [];
    await until(async () => {
      const { status } = await browser.send('/api/session');
      return status !== 200 || lines().length > 0;
    });
    const answers = [];
    for (let calls = 0; calls < 20; calls += 1) answers.push(await browser.send('/api/session'));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(await stop()).toBe(0);
    expect(lines()).toHaveLength(1);
    expect(output()).toContain('ECONNREFUSED');
  });

  it.concurrent(
    'a collector that never answers → the end waits for two seconds, not for it',
    async () => {
      const { browser, stop } = await servers.start({
        ...servers.toCollector,
        OTEL_EXPORTER_OTLP_ENDPOINT: await servers.silent(),
      });
      await browser.send('/api/session');
      const startedAt = performance.now();
      expect(await stop()).toBe(0);
      const tookMs = performance.now() - startedAt;
      expect(tookMs).toBeGreaterThan(1_900);
      // The exporter would give up by itself after ten seconds: the end has not waited for that.
      expect(tookMs).toBeLessThan(9_000);
    },
  );

  it.concurrent.each([
    [
      'grpc',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'traces are off: OTEL_EXPORTER_OTLP_PROTOCOL',
    ],
    [
      'another exporter',
      { OTEL_TRACES_EXPORTER: 'zipkin' },
      'traces are off: OTEL_TRACES_EXPORTER',
    ],
    [
      'a sampler nobody knows',
      { OTEL_TRACES_SAMPLER: 'sometimes' },
      'OTEL_TRACES_SAMPLER value … invalid',
    ],
  ])('%s → the server works and the log says it', async (_, env, line) => {
    const { status, code, output } = await visit((to) => ({ ...to, ...env }));
    expect({ status, code }).toEqual({ status: 200, code: 0 });
    expect(output).toContain(line);
  });
});
