// closing-line.mjs <missed> <report>…: "N passed, N failed" of reports that jest has written with --json.
// A suite that could not even start is a failure, and so is a test that did not run; `missed` adds what
// failed beside them.
import { readFileSync } from 'node:fs';

const [missed, ...files] = process.argv.slice(2);
const suites = files.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')).testResults);
const tests = suites.flatMap(({ assertionResults }) => assertionResults);
const passed = tests.filter(({ status }) => status === 'passed').length;
const broken = suites.filter(
  ({ status, assertionResults }) =>
    status !== 'passed' && !assertionResults.some((test) => test.status === 'failed'),
);
console.log(`${passed} passed, ${tests.length - passed + broken.length + Number(missed)} failed`);
