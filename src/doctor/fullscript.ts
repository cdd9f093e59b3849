import type { Environment } from '../config/read-variables.js';
import { regionVariable } from '../config/read-variables.js';
import { VARIABLES, type VariableName } from '../config/variables.js';
import type { Registration } from '../oauth/registration.js';
import type { TokenEndpoint } from '../oauth/token-endpoint.js';
import { examineCredentials } from './credentials.js';
import type { DocumentedUrls } from './documented-urls.js';
import { examineEndpoints } from './endpoints.js';
import type { Examination } from './finding.js';
import { type HostDeps, examineHosts } from './hosts.js';
import { examineRedirectUri } from './redirect.js';

export interface FullscriptDeps extends HostDeps {
  readonly env: Environment;
  readonly baseUrl: string;
  readonly tokenEndpoint: Pick<TokenEndpoint, 'exchangeCode'>;
  readonly documented: (registration: Registration) => DocumentedUrls;
}

/** Everything about one registration: hosts, endpoints, credentials, redirect URI. */
export async function examineRegistration(
  deps: FullscriptDeps,
  registration: Registration,
): Promise<Examination> {
  const { id, server } = registration;
  const { env, baseUrl, tokenEndpoint, offline } = deps;
  const group = `fullscript.${id}`;
  const variable = variablesOf(env, registration);
  const variables = [variable('clientId'), variable('clientSecret')] as const;
  const documented = deps.documented(registration);
  const [hosts, endpoints, credentials, redirect] = await Promise.all([
    examineHosts(deps, group, server),
    examineEndpoints(deps, { group, server, documented, variable }),
    examineCredentials(tokenEndpoint, { group, registration, variables, offline }),
    examineRedirectUri(deps, { group, registration, baseUrl }),
  ]);
  const findings = [...hosts, ...endpoints.findings, credentials, ...redirect];
  return { findings, clocks: endpoints.clocks };
}

/** A registration comes from the plain variables, or from those of its region. */
function variablesOf(env: Environment, { region }: Registration): (name: VariableName) => string {
  const isOwn = (env[regionVariable('clientId', region)]?.trim() ?? '') !== '';
  return (name) => (isOwn ? regionVariable(name, region) : VARIABLES[name].name);
}
