// @ts-check
/** Everything a page does beyond its links and forms. Without it all of them work the same. */
import './busy.js';
import './countdown.js';
import './late.js';
import './live.js';
import './retry.js';
import './search.js';
import './times.js';
import './token-life.js';
