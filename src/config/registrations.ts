import { REGIONS, type Region, authorizationServer } from '../oauth/authorization-server.js';
import { type Registration, registrationId } from '../oauth/registration.js';
import { secret } from '../oauth/secret.js';
import { isLoopback } from './loopback.js';
import type { Problem } from './problem.js';
import { type Environment, readRegionVariables, regionVariable } from './read-variables.js';
import { VARIABLES, type Values, type VariableName } from './variables.js';

const ENDPOINTS = ['apiUrl', 'authorizeUrl', 'tokenUrl', 'revokeUrl'] as const;

/**
 * The registrations that the environment names: the plain one (`FULLSCRIPT_CLIENT_ID`, …) and one a
 * region (`FULLSCRIPT_CA_CLIENT_ID`, …). None at all means the simulator.
 */
export function readRegistrations(from: {
  env: Environment;
  values: Values;
  baseUrl: string;
  problems: Problem[];
}): Registration[] {
  const { env, values, baseUrl, problems } = from;
  const mainRegion = values.region ?? 'us';
  const plain = {
    values,
    region: mainRegion,
    nameIn: (name: VariableName) => VARIABLES[name].name,
  };
  const perRegion = REGIONS.map((region) => ({
    values: inheriting(values, readRegionVariables(env, region, problems)),
    region,
    nameIn: (name: VariableName) => regionVariable(name, region),
  }));
  const named = [plain, ...perRegion].filter((source) => hasCredentials(source.values));
  const registrations = named.flatMap((source) => registrationOf(source, baseUrl, problems));
  if (values.issuer !== undefined && !hasCredentials(values)) {
    const problem = 'is used with FULLSCRIPT_CLIENT_ID only; each region has an issuer of its own';
    const example = `${regionVariable('issuer', 'us')}=${VARIABLES.issuer.example}`;
    problems.push({ variable: 'FULLSCRIPT_ISSUER', problem, example });
  }
  const ids = registrations.map(({ region }) => region);
  const twice = ids.find((region, at) => ids.indexOf(region) !== at);
  if (twice !== undefined) {
    problems.push({
      variable: regionVariable('clientId', twice),
      problem: 'names a registration that FULLSCRIPT_CLIENT_ID names as well; set one of them',
    });
  }
  return registrations;
}

interface Source {
  readonly values: Values;
  readonly region: Region;
  readonly nameIn: (name: VariableName) => string;
}

function hasCredentials({ clientId, clientSecret }: Values): boolean {
  return clientId !== undefined || clientSecret !== undefined;
}

/** A region's own values, over those that make sense for every region. */
function inheriting(all: Values, own: Values): Values {
  const { environment, redirectUri, pkce, scope } = all;
  const inherited = { environment, redirectUri, pkce, scope };
  const set = Object.entries(inherited).filter(([, value]) => value !== undefined);
  return { ...(Object.fromEntries(set) as Values), ...own };
}

function registrationOf(source: Source, baseUrl: string, problems: Problem[]): Registration[] {
  const { values, region, nameIn } = source;
  const { clientId, clientSecret, environment = 'sandbox' } = values;
  for (const name of ['clientId', 'clientSecret'] as const) {
    if (values[name] !== undefined) continue;
    const other = nameIn(name === 'clientId' ? 'clientSecret' : 'clientId');
    problems.push({ variable: nameIn(name), problem: `is missing while ${other} is set` });
  }
  const redirectUri = values.redirectUri ?? `${baseUrl}/oauth/callback`;
  refusePlainHttp(source, redirectUri, problems);
  refuseOwnRoute(source, redirectUri, problems);
  if (clientId === undefined || clientSecret === undefined) return [];
  return [
    {
      id: registrationId(region, environment),
      region,
      environment,
      clientId,
      clientSecret: secret(clientSecret),
      redirectUri,
      server: authorizationServer({ region, environment }, endpointsOf(values)),
      pkce: values.pkce === 'on',
      issuer: values.issuer,
      scope: values.scope ?? [],
    },
  ];
}

function endpointsOf(values: Values) {
  const set = ENDPOINTS.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(set);
}

const OWN_ROUTES =
  /^\/($|portal(\/|$)|api\/|assets\/|sign-out|oauth\/(authorize|refresh|disconnect)\/?$|livez$|readyz$|metrics$)/;

/** The callback is served at the path of the redirect URI, which must not be taken. */
function refuseOwnRoute({ nameIn }: Source, redirectUri: string, problems: Problem[]): void {
  if (!OWN_ROUTES.test(new URL(redirectUri).pathname)) return;
  const problem = 'has a path that this server uses for something else';
  problems.push({
    variable: nameIn('redirectUri'),
    problem,
    example: VARIABLES.redirectUri.example,
  });
}

/** Codes and tokens in clear over a network are somebody else's (RFC 9700 section 2.6). */
function refusePlainHttp(source: Source, redirectUri: string, problems: Problem[]): void {
  const { values, nameIn } = source;
  const urls = [
    ['redirectUri', redirectUri] as const,
    ...ENDPOINTS.map((name) => [name, values[name]] as const),
  ];
  for (const [name, value] of urls) {
    if (value === undefined || new URL(value).protocol === 'https:' || isLoopback(value)) continue;
    problems.push({
      variable: nameIn(name),
      problem: 'must be https, except on this machine (localhost, 127.0.0.1)',
      example: VARIABLES[name].example,
    });
  }
}
