/**
 * Whether a request is for a program, which gets JSON and problem documents, and not for a person, who
 * gets pages.
 *
 * @param url path and query as the request line has them (`originalUrl`).
 */
export function isApi(url: string): boolean {
  return url.startsWith('/api/');
}
