const KNOWN = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The method as spans name it: what strangers make up is one and the same. */
export function httpMethod(method: string): string {
  return KNOWN.has(method) ? method : '_OTHER';
}
