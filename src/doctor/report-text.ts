import type { Finding, Status } from './finding.js';

const GROUPS = [
  ['configuration', 'Configuration'],
  ['machine', 'This machine'],
  ['clock', 'Clock'],
  ['fullscript', 'Fullscript'],
  ['redirect', 'The way back from Fullscript'],
  ['redis', 'Redis'],
] as const;

const WORDS: Readonly<Record<Status, string>> = {
  ok: 'ok',
  warning: 'warning',
  problem: 'PROBLEM',
  skipped: 'skipped',
};
const WORD_WIDTH = Math.max(...Object.values(WORDS).map((word) => word.length));

/** The findings for people: a line each, by group, and under it what is to be done. */
export function findingLines(findings: readonly Finding[]): readonly string[] {
  const lines = GROUPS.flatMap(([group, title]) => {
    const its = findings.filter(({ check }) => check.startsWith(`${group}.`));
    return its.length === 0 ? [] : [title, ...table(its, group), ''];
  });
  return [...lines, tally(findings)];
}

function table(findings: readonly Finding[], group: string): readonly string[] {
  const name = ({ check }: Finding) => check.slice(group.length + 1);
  const width = Math.max(...findings.map((one) => name(one).length));
  return findings.flatMap((one) => {
    const word = WORDS[one.status].padEnd(WORD_WIDTH);
    const line = `  ${word}  ${name(one).padEnd(width)}  ${one.found}`;
    return one.todo === undefined ? [line] : [line, `  ${''.padEnd(WORD_WIDTH)}  -> ${one.todo}`];
  });
}

function tally(findings: readonly Finding[]): string {
  const number = (status: Status) => findings.filter((one) => one.status === status).length;
  const [bad, doubtful] = [number('problem'), number('warning')];
  const parts = [
    `${bad} problem${bad === 1 ? '' : 's'}`,
    `${doubtful} warning${doubtful === 1 ? '' : 's'}`,
    `${number('ok')} ok`,
    `${number('skipped')} skipped`,
  ];
  return `${parts.join(', ')}.`;
}
