import type { Environment } from './config/read-variables.js';
import { VARIABLES, type VariableName } from './config/variables.js';
import type { Config } from './config.js';
import type { Registration } from './oauth/registration.js';
import { storeLabel } from './redis/store-label.js';

const HOUR_MS = 3_600_000;

/** What a server with this configuration would be, in a few lines without a secret. */
export function configSummary(config: Config, env: Environment): string {
  const { baseUrl, listen, session, sealingKeys, dataDir, store } = config;
  const rows: (readonly [string, string])[] = [
    ['mode', config.production ? 'production' : 'development'],
    ['base URL', baseUrl],
    ['listens', `${listen.host}, port ${listen.port}`],
    ['proxies', config.trustProxy === false ? 'none' : String(config.trustProxy)],
    ...registrationRows(config),
    ['store', store === 'embedded' ? `embedded, in ${dataDir}` : storeLabel(store)],
    ['data folder', dataDir],
    ['sealing keys', `${sealingKeys.map(({ id }) => id).join(', ')}; the first one seals`],
    ['cookie secrets', `${session.secrets.length}; the first one signs`],
    ['sessions', sessionsRow(session)],
    ['metrics', config.metricsToken === undefined ? 'open' : 'with a bearer'],
    ['made at start', generated(env)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  const warnings = config.warnings.map((one) => `Warning: ${one}\n`).join('');
  return `The configuration is right.\n${lines.join('\n')}\n${warnings}`;
}

function sessionsRow({ idleMs, maxMs, perUser }: Config['session']): string {
  const most = perUser === 0 ? 'any number' : perUser;
  return `${idleMs / HOUR_MS} h idle, ${maxMs / HOUR_MS} h at most; ${most} for each user`;
}

function registrationRows(config: Config): (readonly [string, string])[] {
  if (config.simulator === undefined) return config.registrations.flatMap(rowsOf);
  const { url } = config.simulator;
  return [['Fullscript', `the simulator ${url === undefined ? 'in the server' : `at ${url}`}`]];
}

function rowsOf({ id, server, redirectUri }: Registration): (readonly [string, string])[] {
  const urls = [server.apiUrl, server.authorizeUrl, server.tokenUrl, server.revokeUrl];
  const hosts = new Set(urls.map((url) => new URL(url).host));
  return [
    [id, [...hosts].join(', ')],
    ['', `redirect URI ${redirectUri}`],
  ];
}

/** Made and kept in DATA_DIR, where they are not there already. */
function generated(env: Environment): string {
  const names: VariableName[] = ['sessionSecret', 'encryptionKeys'];
  const unset = names.map((name) => VARIABLES[name].name).filter((name) => !env[name]?.trim());
  return unset.length === 0 ? 'nothing' : `${unset.join(', ')}, and kept in DATA_DIR`;
}
