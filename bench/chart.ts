export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Which colour it has: this server, what people would use instead, or a floor. */
  readonly kind: 'ours' | 'peer' | 'floor';
}

export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Chart {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly panels: readonly Panel[];
}

const WIDTH = 760;
const LABELS = 250;
const VALUES = 90;
const LONGEST = WIDTH - LABELS - VALUES;
const ROW = 26;
const BAR = 16;
const HEADING = 40;
const GAP = 20;
const TOP = 12;
/** How much longer than the next the longest bar may be, and where it has its gap otherwise. */
const LONGEST_TIMES = 1.5;
const CUT = 6;
const CUT_AT = LONGEST - 40;

// Colours that hold on white and on black alike; the text follows the reader's scheme.
const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .heading { font-weight: 600; font-size: 15px; }
    .ours { fill: #1a7f5a; } .peer { fill: #6e7fd0; } .floor { fill: #9aa1a9; }
    .own { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .ours { fill: #3fb68b; } .peer { fill: #8f9ee8; } .floor { fill: #6f7780; }
    }`;

/** Horizontal bars, one panel above the other, each on a scale of its own. The text of an SVG file. */
export function renderChart({ title, description, unit, panels }: Chart): string {
  let top = TOP;
  const drawn = panels.map((panel) => {
    const text = drawPanel(panel, { top, unit });
    top += HEADING + panel.bars.length * ROW + GAP;
    return text;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-labelledby="title description">`,
    `  <title id="title">${escaped(title)}</title>`,
    `  <desc id="description">${escaped(description)}</desc>`,
    `  <style>${STYLE}\n  </style>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function drawPanel({ title, bars }: Panel, { top, unit }: { top: number; unit: string }): string {
  const scale = LONGEST / longestOf(bars);
  const rows = bars.map((bar, at) => {
    const y = top + HEADING + at * ROW;
    const width = Math.max(1, Math.min(LONGEST, Math.round(bar.value * scale)));
    const isCut = bar.value * scale > LONGEST + 1;
    const pieces = isCut ? [0, CUT_AT, CUT_AT + CUT, width] : [0, width];
    const middle = y + BAR / 2 + 4;
    const own = bar.kind === 'ours' ? ' class="own"' : '';
    return [
      `  <text${own} x="${LABELS - 8}" y="${middle}" text-anchor="end">${escaped(bar.label)}</text>`,
      ...rects(pieces, `class="${bar.kind}" y="${y}" height="${BAR}"`),
      `  <text${own} x="${LABELS + width + 6}" y="${middle}">${bar.value.toFixed(0)} ${escaped(unit)}</text>`,
    ].join('\n');
  });
  return [`  <text class="heading" x="4" y="${top + 18}">${escaped(title)}</text>`, ...rows].join(
    '\n',
  );
}

/** From each first to each second of the places. */
function rects(places: readonly number[], attributes: string): string[] {
  return places.flatMap((from, at) => {
    const to = places[at + 1];
    if (at % 2 === 1 || to === undefined) return [];
    return [`  <rect ${attributes} x="${LABELS + from}" width="${to - from}"/>`];
  });
}

/** One that is many times as long as the next would leave nothing to see of the others: it is cut. */
function longestOf(bars: readonly Bar[]): number {
  const [longest = 1, next = longest] = bars
    .map(({ value }) => value)
    .sort((one, other) => other - one);
  return Math.min(longest, next * LONGEST_TIMES);
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
