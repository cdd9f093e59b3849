// jest's `testRunner`: jest-circus as it is, but modules are imported by Node itself. A worker then loads
// the sources and their packages once, and not anew into the virtual machine of each suite, which took
// more time than most suites. The price: suites in one worker share modules and globals (docs/adr/0024).
import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { createRequire } from 'node:module';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import circus from 'jest-circus/runner';
import { ModuleMocker } from 'jest-mock';
import { setGlobals } from './globals.mjs';

const require = createRequire(import.meta.url);
const mocks = new ModuleMocker(globalThis);
let runs = 0;

const asyncHooks = require('node:async_hooks');
/** What jest-circus tells tests apart by. */
const storage = new AsyncLocalStorage();

/**
 * jest-circus makes a storage whenever it is loaded, and Node 20 looks after every storage at every promise:
 * the fiftieth suite of a worker would run many times as long as the first. So it is given one for all.
 * Node 24 does not, and does not let its own be replaced.
 */
function loadAnew(path) {
  delete require.cache[path];
  if (!Object.getOwnPropertyDescriptor(asyncHooks, 'AsyncLocalStorage').writable) {
    return require(path);
  }
  asyncHooks.AsyncLocalStorage = function OneForAll() {
    return storage;
  };
  try {
    return require(path);
  } finally {
    asyncHooks.AsyncLocalStorage = AsyncLocalStorage;
  }
}

/** The parts of jest's runtime that jest-circus asks for. */
const nodeItself = {
  // jest-circus keeps the state of a suite in this module and its event handlers in this global.
  requireInternalModule: (path) => {
    delete globalThis[Symbol.for('EVENT_HANDLERS')];
    return loadAnew(path);
  },
  requireModule: require,
  setGlobalsForRuntime: (globals) => setGlobals(globals, mocks),
  unstable_shouldLoadAsEsm: () => true,
  // With a number, because a suite runs again in the same process when files are watched.
  unstable_importModule: (path) => import(`${pathToFileURL(path).href}?run=${(runs += 1)}`),
  enterTestCode: () => undefined,
  leaveTestCode: () => undefined,
  clearAllMocks: () => mocks.clearAllMocks(),
  resetAllMocks: () => mocks.resetAllMocks(),
  restoreAllMocks: () => mocks.restoreAllMocks(),
};

/** A finding of the leak scan is easier to understand with the test that was running. */
const running = channel('leak-scan:running');

export default function run(globalConfig, config, environment, _runtime, testPath, send) {
  // jest's reader of source maps knows only what jest has transformed; Node knows what tsx has.
  delete Error.prepareStackTrace;
  const suite = relative(config.rootDir, testPath);
  environment.handleTestEvent = ({ name, test }) => {
    if (name === 'test_start') running.publish(`${suite}: ${test.name}`);
  };
  running.publish(suite);
  return circus
    .default(globalConfig, config, environment, nodeItself, testPath, send)
    .finally(() => mocks.restoreAllMocks());
}
