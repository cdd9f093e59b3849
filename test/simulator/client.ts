import {
  type Simulator,
  SIMULATOR_CLIENT_ID,
  SIMULATOR_CLIENT_SECRET,
} from '../../src/simulator/simulator.js';
import { approve, type CookieJar } from './drive.js';

export const REDIRECT_URI = 'http://127.0.0.1:9/callback';
export const CREDENTIALS = {
  client_id: SIMULATOR_CLIENT_ID,
  client_secret: SIMULATOR_CLIENT_SECRET,
};

export interface Answered {
  status: number;
  headers: Headers;
  text: string;
}

export interface OAuth {
  access_token: string;
  refresh_token: string;
  token_type: string;
  expires_in: number;
  scope: string;
  created_at: string;
  resource_owner: { id: string; type: string };
}

export function authorizeUrl(simulator: Simulator, extra: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    client_id: SIMULATOR_CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    ...extra,
  });
  return `${simulator.apiUrl}/oauth/authorize?${query.toString()}`;
}

export async function getCode(
  simulator: Simulator,
  options: { person?: string; jar?: CookieJar; extra?: Record<string, string> } = {},
): Promise<string> {
  const location = await approve({
    authorizeUrl: authorizeUrl(simulator, options.extra),
    person: options.person ?? simulator.people[0]!.id,
    ...(options.jar === undefined ? {} : { jar: options.jar }),
  });
  return new URL(location).searchParams.get('code')!;
}

export async function send(
  url: string,
  {
    method = 'GET',
    json,
    headers = {},
  }: { method?: string; json?: unknown; headers?: Record<string, string> } = {},
): Promise<Answered> {
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(json === undefined ? {} : { body: typeof json === 'string' ? json : JSON.stringify(json) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

export function token(simulator: Simulator, json: unknown): Promise<Answered> {
  return send(`${simulator.apiUrl}/oauth/token`, { method: 'POST', json });
}

export function exchangeBody(code: string, extra: Record<string, unknown> = {}): object {
  return {
    ...CREDENTIALS,
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
    ...extra,
  };
}

export function refreshBody(refreshToken: string, extra: Record<string, unknown> = {}): object {
  return { ...CREDENTIALS, grant_type: 'refresh_token', refresh_token: refreshToken, ...extra };
}

export function oauthOf(answer: Answered): OAuth {
  if (answer.status !== 200) throw new Error(`${String(answer.status)} ${answer.text}`);
  return (JSON.parse(answer.text) as { oauth: OAuth }).oauth;
}

export async function connect(simulator: Simulator, person?: string): Promise<OAuth> {
  const code = await getCode(simulator, person === undefined ? {} : { person });
  return oauthOf(await token(simulator, exchangeBody(code)));
}

export async function refresh(simulator: Simulator, refreshToken: string): Promise<Answered> {
  return token(simulator, refreshBody(refreshToken));
}

export function revoke(simulator: Simulator, json: unknown): Promise<Answered> {
  return send(`${simulator.apiUrl}/oauth/revoke`, { method: 'POST', json });
}

/** A call to the resource API; a lone text is the bearer token. */
export function api(
  simulator: Simulator,
  path: string,
  options: string | (Parameters<typeof send>[1] & { bearer?: string | undefined }) = {},
): Promise<Answered> {
  const { bearer, ...rest } = typeof options === 'string' ? { bearer: options } : options;
  const authorization = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  return send(simulator.apiUrl + path, {
    ...rest,
    headers: { ...authorization, ...('headers' in rest ? rest.headers : {}) },
  });
}
