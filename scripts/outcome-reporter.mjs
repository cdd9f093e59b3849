// A reporter for jest that writes what every test came to, as JSON, into the file OUTCOMES_FILE. Jest's
// own --json writes nothing when something fails after the tests.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

export default class OutcomeReporter {
  onRunComplete(_contexts, { testResults }) {
    const outcomes = testResults.flatMap(({ testFilePath, testResults: tests }) =>
      tests.map(({ title, status }) => ({ title, status, file: shown(testFilePath) })),
    );
    const broken = testResults
      .filter(({ testExecError }) => testExecError)
      .map(({ testFilePath, testExecError }) => {
        const [why = ''] = String(testExecError.message ?? '').split('\n');
        return `${shown(testFilePath)}: ${why}`;
      });
    writeFileSync(process.env.OUTCOMES_FILE, JSON.stringify({ outcomes, broken }));
  }
}

function shown(path) {
  return relative(process.cwd(), path);
}
