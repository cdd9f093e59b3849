/** One test that ran, or did not. */
export interface Outcome {
  readonly title: string;
  readonly file: string;
  readonly status: string;
}

/** What a run of the tests came to. */
export interface Run {
  readonly outcomes: readonly Outcome[];
  /** Files that could not be run at all, with the first line of why. */
  readonly broken: readonly string[];
  /** Of the test runner. */
  readonly exitCode: number;
  /** What it said after its summary. */
  readonly lastWords: string;
}

/** The report that people read: a line a statement, then what failed, then the count. */
export function statementReport(
  statements: Readonly<Record<string, string>>,
  run: Run,
): { lines: string[]; holds: boolean } {
  const numbers = Object.keys(statements).sort();
  const verdicts = numbers.map((number) => verdictOf(number, run.outcomes));
  const holding = verdicts.filter(({ verdict }) => verdict === 'pass').length;
  const failed = run.outcomes.filter(({ status }) => status === 'failed');
  const troubles = [
    ...run.broken.map((one) => `could not run: ${one}`),
    ...failed.map(({ title, file }) => `failed: ${title} (${file})`),
  ];
  if (run.exitCode !== 0 && troubles.length === 0) {
    troubles.push(`the run ended with code ${run.exitCode} although no test failed`);
    troubles.push(...run.lastWords.split('\n').filter((line) => line.trim() !== ''));
  }
  const rows = verdicts.map(({ number, verdict, tests }) => {
    const count = `${tests} ${tests === 1 ? 'test' : 'tests'}`;
    return `SR-${number} ${verdict}  ${statements[number] ?? ''}  (${count})`;
  });
  const blank = troubles.length === 0 ? [] : ['', ...troubles];
  const total = `${holding} of ${numbers.length} statements hold`;
  const holds = holding === numbers.length && troubles.length === 0;
  const verdict = troubles.length === 0 || holding < numbers.length ? '' : ', but the run failed';
  return { lines: [...rows, ...blank, '', `${total}${verdict}`], holds };
}

/** Skipped tests hold nothing. */
function verdictOf(number: string, outcomes: readonly Outcome[]) {
  const own = outcomes.filter(({ title }) => title.startsWith(`SR-${number} `));
  const ran = own.filter(({ status }) => status === 'passed' || status === 'failed');
  const failed = ran.some(({ status }) => status === 'failed');
  const verdict = ran.length === 0 ? 'none' : failed ? 'fail' : 'pass';
  return { number, verdict, tests: ran.length };
}
