// Says at the end of a process which of OpenTelemetry's packages it has loaded.
import { createRequire } from 'node:module';
import process from 'node:process';

const { cache } = createRequire(import.meta.url);

process.on('exit', () => {
  const names = Object.keys(cache).flatMap(
    (path) => /@opentelemetry\/([\w-]+)/.exec(path)?.[1] ?? [],
  );
  process.stderr.write(`loaded: ${[...new Set(names)].sort().join(' ')}\n`);
});
