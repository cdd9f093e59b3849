/** The one client secret there is; every client id goes with it. */
export const CLIENT_SECRET = 'bench-secret-bench-secret-bench-secret';
