const CODE = /^\w{1,40}$/;

/**
 * What went wrong, as `error.type`: the stable code of our own errors, the system's of Node's, else the
 * name of the class. Never a message: those of others quote what they were given.
 */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return '_OTHER';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && CODE.test(code) ? code : error.constructor.name;
}
