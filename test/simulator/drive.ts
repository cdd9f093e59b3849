/** Cookies of one pretended browser, by origin and name. */
export type CookieJar = Map<string, Map<string, string>>;

export interface DriveOptions {
  authorizeUrl: string;
  /** Who signs in; an id is enough. */
  person: string | { id: string };
  /** Bring one to stay signed in between calls. */
  jar?: CookieJar;
  decision?: 'approve' | 'deny';
}

const MAX_STEPS = 10;

/** One request of the pretended browser: cookies are kept, redirects are not followed. */
export async function visit(
  url: string | URL,
  jar: CookieJar,
  form?: Record<string, string>,
): Promise<{ status: number; location: string | null; text: string; headers: Headers }> {
  const { origin } = new URL(url);
  const cookies = jar.get(origin) ?? new Map<string, string>();
  jar.set(origin, cookies);
  const response = await fetch(url, {
    redirect: 'manual',
    headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
  });
  for (const line of response.headers.getSetCookie()) {
    const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=', 2);
    cookies.set(name, value);
  }
  const { status, headers } = response;
  return { status, headers, location: headers.get('location'), text: await response.text() };
}

/**
 * Walks a pretended browser through sign-in and consent, and returns where the simulator sends it:
 * the redirect URI with `code` or `error`. Throws when it ends on a page instead.
 */
export async function approve(options: DriveOptions): Promise<string> {
  const { decision = 'approve', jar = new Map<string, Map<string, string>>() } = options;
  const person = typeof options.person === 'string' ? options.person : options.person.id;
  const home = new URL(options.authorizeUrl).origin;
  let url = new URL(options.authorizeUrl);
  let answer = await visit(url, jar);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    if (answer.location !== null) {
      const next = new URL(answer.location, url);
      if (next.origin !== home || next.pathname === new URL(redirectUriOf(options)).pathname) {
        return answer.location;
      }
      url = next;
      answer = await visit(url, jar);
      continue;
    }
    const form = readForm(answer.text);
    if (answer.status !== 200 || form === undefined) {
      throw new Error(`stopped at ${url.pathname} with ${String(answer.status)}: ${answer.text}`);
    }
    const choice = form.action.startsWith('/login') ? { person } : { decision };
    url = new URL(form.action, url);
    answer = await visit(url, jar, { ...form.fields, ...choice });
  }
  throw new Error('too many steps');
}

/** The first form of a page: where it goes, and its hidden fields. */
export function readForm(
  text: string,
): { action: string; fields: Record<string, string> } | undefined {
  const [, action, content] =
    /<form method="post" action="([^"]*)"[^>]*>(.*?)<\/form>/s.exec(text) ?? [];
  if (action === undefined || content === undefined) return undefined;
  const inputs = content.matchAll(/<input\s+type="hidden"\s+name="([^"]*)"\s+value="([^"]*)"/g);
  const fields = [...inputs].map(([, name, value]) => [unescape(name!), unescape(value!)]);
  return { action: unescape(action), fields: Object.fromEntries(fields) as Record<string, string> };
}

function redirectUriOf({ authorizeUrl }: DriveOptions): string {
  return new URL(authorizeUrl).searchParams.get('redirect_uri') ?? authorizeUrl;
}

function unescape(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
