import { writeFileSync } from 'node:fs';
import { renderDocs } from './render-docs.js';

for (const [path, text] of Object.entries(renderDocs())) {
  writeFileSync(new URL(`../${path}`, import.meta.url), text);
}
