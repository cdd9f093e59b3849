/** Series by name and labels, as they are written; `undefined` for one that is not there. */
export type Scraped = ReadonlyMap<string, number>;

export function readSeries(text: string): Scraped {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

export async function scrape(origin: string): Promise<Scraped> {
  return readSeries(await (await fetch(`${origin}/metrics`)).text());
}
