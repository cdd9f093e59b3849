// `node --import`, in jest's own process and in its workers: TypeScript by tsx, and `@jest/globals` from
// the suite that is running.
import { register } from 'node:module';
import { register as registerTsx } from 'tsx/esm/api';

registerTsx();
register('./resolve.mjs', import.meta.url);
