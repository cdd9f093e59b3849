import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  type BrowserContext,
  type BrowserContextOptions,
  type BrowserServer,
  type Page,
  type Request,
  chromium,
} from 'playwright-core';
import { until } from './until.js';

/** What a page of a context has complained about. */
export interface Complaint {
  readonly page: string;
  readonly text: string;
}

/** A violation as the document was told of it. */
export interface Violation {
  readonly page: string;
  /** The directive that was violated: `script-src-elem`, `form-action`, … */
  readonly directive: string;
  readonly blocked: string;
}

/** One visitor: cookies of its own, and everything its pages ran into. */
export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly violations: Violation[];
  /** Errors on the console and exceptions nobody caught. */
  readonly errors: Complaint[];
  readonly requests: Request[];
  /**
   * Makes a browser of it that has never been here: one blank page, no cookies, nothing noted. A new
   * context would cost a process and a second.
   */
  readonly forget: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Debian's Chromium, or another one; `CHROMIUM_PATH` comes first. */
function executablePath(): string {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  if (CHROMIUM_PATH !== undefined) return CHROMIUM_PATH;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const found = names
    .flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)))
    .find(isExecutable);
  if (found === undefined) throw new Error('no Chromium: install it, or set CHROMIUM_PATH');
  return found;
}

function launchOptions() {
  return {
    executablePath: executablePath(),
    args: [
      // Chromium's sandbox does not start for root, which tests in containers are.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-dev-shm-usage',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
    ],
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where the suites of a run find it: workers inherit the environment. */
const ENDPOINT = 'TEST_CHROMIUM_ENDPOINT';

let shared: BrowserServer | undefined;

/** For jest's global set-up: one real Chromium for a whole run. */
export async function startSharedChromium(): Promise<void> {
  shared = await chromium.launchServer(launchOptions());
  process.env[ENDPOINT] = shared.wsEndpoint();
}

export async function stopSharedChromium(): Promise<void> {
  await shared?.close();
  shared = undefined;
}

/** Playwright switches it off; people have it. */
const WITH_BACK_FORWARD_CACHE = { ignoreDefaultArgs: ['--disable-back-forward-cache'] };

/**
 * The Chromium of the run, in which each visitor has a context of its own; outside of a run one's own, as also
 * where pages shall come back from the back/forward cache.
 */
export async function openChromium(options: { backForwardCache?: boolean } = {}) {
  const { backForwardCache = false } = options;
  const endpoint = backForwardCache ? undefined : process.env[ENDPOINT];
  const more = backForwardCache ? WITH_BACK_FORWARD_CACHE : {};
  const browser = await (endpoint === undefined
    ? chromium.launch({ ...launchOptions(), ...more })
    : chromium.connect(endpoint));
  return {
    /** A visitor with a browser of a kind: its size, its theme, with or without JavaScript, … */
    visitor: async (options: BrowserContextOptions = {}): Promise<Visitor> => {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(10_000);
      // Chromium takes an answer that a test has altered for one from the network, and would keep it
      // from this machine's other servers; what keeps it from them shall be our headers.
      await context.grantPermissions(['local-network-access']);
      const recorded = await record(context);
      const page = await context.newPage();
      const forget = () => forgetAll({ ...recorded, context, page });
      return { ...recorded, context, page, forget, close: () => context.close() };
    },
    close: () => browser.close(),
  };
}

export type Chromium = Awaited<ReturnType<typeof openChromium>>;

async function forgetAll(visitor: Omit<Visitor, 'forget' | 'close'>): Promise<void> {
  const { context, page, violations, errors, requests } = visitor;
  const others = context.pages().filter((one) => one !== page);
  await Promise.all(others.map((one) => one.close()));
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await until(async () => {
    // A page that is about to go elsewhere by itself, as one does that hears of a sign-out, interrupts this.
    await page.goto('about:blank').catch(() => undefined);
    return page.url() === 'about:blank';
  });
  await context.clearCookies();
  for (const list of [violations, errors, requests]) list.length = 0;
}

async function record(context: BrowserContext) {
  const violations: Violation[] = [];
  const errors: Complaint[] = [];
  const requests: Request[] = [];
  context.on('request', (request) => requests.push(request));
  context.on('console', (message) => {
    if (message.type() !== 'error') return;
    errors.push({ page: message.page()?.url() ?? '', text: message.text() });
  });
  context.on('weberror', (error) => {
    errors.push({ page: error.page()?.url() ?? '', text: error.error().message });
  });
  await context.exposeBinding('noteViolation', ({ frame }, directive: string, blocked: string) => {
    violations.push({ page: frame.url(), directive, blocked });
  });
  // As text: what runs in the page knows other globals than this file.
  await context.addInitScript(`addEventListener('securitypolicyviolation', (event) => {
    noteViolation(event.effectiveDirective, event.blockedURI);
  })`);
  return { violations, errors, requests };
}
