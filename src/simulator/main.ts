import { readEnvironment } from './environment.js';
import { SIMULATOR_CLIENT_ID, SIMULATOR_CLIENT_SECRET, startSimulator } from './simulator.js';

const { options, problems } = readEnvironment(process.env);

if (problems === undefined) {
  await run(options);
} else {
  process.stderr.write(`The simulator cannot start:\n  ${problems.join('\n  ')}\n`);
  process.exitCode = 1;
}

async function run(settings: typeof options & {}): Promise<void> {
  try {
    const simulator = await startSimulator(settings);
    const env = [
      `FULLSCRIPT_API_URL=${simulator.apiUrl}`,
      `FULLSCRIPT_CLIENT_ID=${SIMULATOR_CLIENT_ID}`,
      `FULLSCRIPT_CLIENT_SECRET=${SIMULATOR_CLIENT_SECRET}`,
    ];
    process.stdout.write(
      `Fullscript simulator listening on ${simulator.origin}/simulator - in the app's .env:\n${env.join('\n')}\n`,
    );
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => void simulator.close());
    }
  } catch (error) {
    process.stderr.write(`The simulator cannot start: ${describe(error)}\n`);
    process.exitCode = 1;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
