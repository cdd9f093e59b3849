import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

const textOf = (document: string): string => readFileSync(join(ROOT, document), 'utf8');

/** As forges make them: small letters, no signs, a hyphen for each blank. */
function anchorsOf(document: string): Set<string> {
  const headings = textOf(document).matchAll(/^#+ (.*)$/gm);
  const anchors = [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  return new Set(anchors);
}

function leadsNowhere(document: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? document : join(dirname(document), path);
  if (!existsSync(join(ROOT, target))) return true;
  return anchor !== undefined && !anchorsOf(target).has(anchor);
}

describe('documents', () => {
  it.each(DOCUMENTS)('%s → every link leads somewhere', (document) => {
    const links = [...textOf(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const inside = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(inside.filter((link) => leadsNowhere(document, link))).toEqual([]);
  });

  it('README → leads to every document beside it', () => {
    const readme = textOf('README.md');
    const beside = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
    expect(beside.filter((name) => !readme.includes(`(docs/${name}`))).toEqual([]);
  });
});
