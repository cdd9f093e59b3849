// What .ci/run asks of the reports that jest writes with --json:
//
//   failed <report>              the suites that failed, a line each, if they are few
//   replace <report> <again>     puts what suites came to when they ran again in the place of the first time
//   closing <missed> <report>…   "N passed, N failed"; a report that is not there is a failure
import { readFileSync, writeFileSync } from 'node:fs';

/** A machine that was too busy fails one or two suites; more of them are a fault of the change. */
const FEW = 4;

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));

const failedOf = ({ testResults }) => testResults.filter(({ status }) => status !== 'passed');

function failed([file]) {
  const names = failedOf(read(file)).map(({ name }) => name);
  return names.length > FEW ? '' : names.join('\n');
}

function replace([file, again]) {
  const [first, second] = [read(file), read(again)];
  const later = new Map(second.testResults.map((result) => [result.name, result]));
  const testResults = first.testResults.map((result) => later.get(result.name) ?? result);
  writeFileSync(file, JSON.stringify({ ...first, testResults }));
  return '';
}

/** A suite that could not even start is a failure, and so is a test that did not run. */
function closing([missed, ...files]) {
  const reports = files.map(read);
  const tests = reports.flatMap(({ testResults }) =>
    testResults.flatMap(({ assertionResults }) => assertionResults),
  );
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const broken = reports
    .flatMap(failedOf)
    .filter(({ assertionResults }) => !assertionResults.some(({ status }) => status === 'failed'));
  return `${passed} passed, ${tests.length - passed + broken.length + Number(missed)} failed`;
}

const [verb, ...args] = process.argv.slice(2);
const said = { failed, replace, closing }[verb](args);
if (said !== '') console.log(said);
