// A user who asks without end, in a thread of its own so that it does not disturb who measures. `open` calls are
// under way at any time, or `rate` are sent a second whatever comes of those before.
import { Agent, get } from 'node:http';
import { setInterval } from 'node:timers';
import { URL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const { url, cookie, open = 0, rate = 0 } = workerData;
const TICK_MS = 10;
const agent = new Agent({ keepAlive: true });
const statuses = {};
let owed = 0;

function ask(then) {
  const settle = (status) => {
    statuses[status] = (statuses[status] ?? 0) + 1;
    then?.();
  };
  get(new URL(url), { agent, headers: { cookie } }, (answer) => {
    answer.resume();
    answer.once('close', () => settle(answer.complete ? answer.statusCode : 0));
  }).once('error', () => settle(0));
}

function again() {
  ask(again);
}

for (let at = 0; at < open; at += 1) again();

if (rate > 0) {
  setInterval(() => {
    owed += (rate * TICK_MS) / 1000;
    for (; owed >= 1; owed -= 1) ask();
  }, TICK_MS);
}

parentPort.on('message', () => parentPort.postMessage(statuses));
