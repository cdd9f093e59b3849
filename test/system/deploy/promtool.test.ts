import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MONITORING, read } from '../../support/monitoring.js';
import { promtool } from '../../support/promtool.js';
import { type App, type World, openWorld } from '../../support/world.js';

/** What Prometheus itself says of docs/monitoring and of a real scrape. */

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'fc-prometheus-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('promtool', () => {
  it('test rules → each alert fires for its trouble and for nothing else', () => {
    const { status, said } = promtool(['test', 'rules', `${MONITORING}alerts.test.yml`]);
    expect(said).toMatch(/SUCCESS\s*$/);
    expect(status).toBe(0);
  });

  it('check rules, on the expressions of the dashboard → each of them is PromQL', () => {
    const { panels } = JSON.parse(read('grafana-dashboard.json')) as {
      panels: { targets?: { expr: string }[] }[];
    };
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    // What Grafana puts in.
    const filled = expressions.map((expr) => expr.replaceAll(/\$__\w+/g, '5m'));
    const rules = filled.map((expr, at) => ({ record: `dashboard:expression:${at}`, expr }));
    // JSON is YAML, too.
    const text = JSON.stringify({ groups: [{ name: 'dashboard', rules }] });
    inFolder((folder) => {
      writeFileSync(join(folder, 'rules.yml'), text);
      const { status, said } = promtool(['check', 'rules', join(folder, 'rules.yml')]);
      expect(said).toContain(`SUCCESS: ${expressions.length} rules found`);
      expect(status).toBe(0);
    });
  });

  it('check config, with rules and token beside it → valid', () => {
    inFolder((folder) => {
      for (const name of ['prometheus.yml', 'alerts.yml']) {
        copyFileSync(`${MONITORING}${name}`, join(folder, name));
      }
      writeFileSync(join(folder, 'metrics-token'), 'token');
      const { status, said } = promtool(['check', 'config', join(folder, 'prometheus.yml')]);
      expect(said).toContain('is valid prometheus config file');
      expect(said).toMatch(/SUCCESS: \d+ rules found/);
      expect(status).toBe(0);
    });
  });
});

describe('/metrics of a server that was used', () => {
  let world: World;
  let app: App;

  beforeAll(async () => {
    world = await openWorld();
    app = await world.start();
    const browser = app.browser();
    await browser.signIn(world.simulator.people[0]!.id);
    await browser.send('/api/fullscript/clinic');
  });

  afterAll(() => world.close());

  it('promtool check metrics → names, types and help as Prometheus wants them', async () => {
    const text = await (await fetch(`${app.local}/metrics`)).text();
    expect(text).toContain('fullscript_store_call_duration_seconds_count{operation="grant_read"}');
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
  });
});
