import { channel } from 'node:diagnostics_channel';

/**
 * What scans for leaks need to know and no log may say: who subscribes to these learns every secret of
 * every simulator in the process. Publishing costs nothing while nobody listens.
 *
 * @see https://nodejs.org/api/diagnostics_channel.html
 */

/** A simulator listens; the message has its `server` and the `clientSecrets` of its applications. */
export const listeningChannel = channel('fullscript-simulator:listening');

/** A code or a pair was issued; the message has `kind` and `value`. */
export const issuedChannel = channel('fullscript-simulator:issued');

/** A request came in; the message is a `RecordedRequest`. */
export const requestChannel = channel('fullscript-simulator:request');
