import { port } from './settings.mjs';

/** Listens, says so, and ends with 0 on SIGTERM. */
export function serve(app) {
  const server = app.listen(port, '127.0.0.1', (error) => {
    if (error) throw error;
    console.log(`listening ${server.address().port}`);
  });
  process.once('SIGTERM', () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
