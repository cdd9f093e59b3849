// Listens to a whole process: what simulators issue, what servers answer, what tests hand in.
// Plain JavaScript, because servers that run as processes of their own load it too (preload.mjs).
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Buffer } from 'node:buffer';
import { URL, URLSearchParams } from 'node:url';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

/** Shorter ones are words of the language; tests invent them, nobody keeps a secret with them. */
const SHORTEST = 8;
/** Of states and verifiers: what tests of the simulator make up is shorter. */
const SHORTEST_RANDOM = 32;

/** Cookies of ours, and what in them is secret. */
const COOKIES = [
  ['session id', /^(?:__\w+-)*fc_session=s(?::|%3A)([^.;]+)/i],
  ['binding', /^(?:__\w+-)*fc_auth_[^=]*=[0-9a-z]+\.([\w-]+)/i],
];

/** Variables that hold secrets, and how their values are taken apart. */
const VARIABLES = [
  ['client secret', /^FULLSCRIPT_(?:\w+_)?CLIENT_SECRET$/, (value) => [value]],
  ['session secret', /^SESSION_SECRET$/, (value) => value.split(',')],
  ['sealing key', /^TOKEN_ENCRYPTION_KEYS$/, sealingKeys],
  ['metrics token', /^METRICS_TOKEN$/, (value) => [value]],
  ['redis password', /^REDIS_URL$/, passwordIn],
  ['other secret', /(?:SECRET|PASSWORD|TOKEN)S?$/, (value) => value.split(',')],
];

const DECODERS = { gzip: gunzipSync, br: brotliDecompressSync, deflate: inflateSync };

/** Tells `sinks` of every secret and of everything that must not contain one, until it is stopped. */
export function record(sinks) {
  const simulators = new WeakSet();
  const known = new Set();
  let running = '';

  const learn = (kind, secret) => {
    const value = bytesOf(secret ?? '');
    if (value.length < SHORTEST || known.has(value)) return;
    known.add(value);
    sinks.secret({ kind, value });
  };
  const keep = ({ text, ...about }) => {
    if (text.length > 0) sinks.material({ running, ...about, text: bytesOf(text) });
  };
  const answered = ({ request, response, chunks }) => {
    const [path] = request.url.split('?');
    const where = `${request.method} ${path.slice(0, 80)} → ${response.statusCode}`;
    const headers = headersOf(response);
    for (const [kind, secret] of secretsIn(headers)) learn(kind, secret);
    for (const [name, value] of headers) {
      keep({ channel: 'header', name, where: `${where}, ${name}`, text: `${name}: ${value}` });
    }
    const channel = path === '/metrics' ? 'metrics' : 'body';
    keep({ channel, where, text: decoded(Buffer.concat(chunks), response) });
  };

  return subscribeAll({
    'fullscript-simulator:listening': ({ server, clientSecrets }) => {
      simulators.add(server);
      for (const value of clientSecrets) learn('client secret', value);
    },
    'leak-scan:stand-in': ({ server }) => simulators.add(server),
    'fullscript-simulator:issued': ({ kind, value }) => learn(kind, value),
    'fullscript-simulator:request': (request) => {
      for (const [kind, value] of secretsSent(request)) learn(kind, value);
    },
    'http.server.request.start': ({ request, response, server }) => {
      if (!simulators.has(server)) listenTo(request, response, answered);
    },
    'leak-scan:running': (name) => {
      running = name;
    },
    'leak-scan:environment': (env) => {
      for (const [kind, value] of secretsOfEnvironment(env)) learn(kind, value);
    },
    'leak-scan:secret': ({ kind, value }) => learn(kind, value),
    'leak-scan:material': keep,
  });
}

/** Bytes, one a character: Redis and the disk hold more than text. */
function bytesOf(text) {
  return (typeof text === 'string' ? Buffer.from(text) : text).toString('latin1');
}

function subscribeAll(handlers) {
  for (const [name, handler] of Object.entries(handlers)) subscribe(name, handler);
  return () => {
    for (const [name, handler] of Object.entries(handlers)) unsubscribe(name, handler);
  };
}

/** Whatever is written to an answer, in the moment in which it goes out: processes get killed. */
function listenTo(request, response, answered) {
  const chunks = [];
  let told = false;
  const tell = () => {
    if (!told && response.headersSent) {
      told = true;
      answered({ request, response, chunks });
    }
  };
  const note = (chunk, encoding) => {
    if (typeof chunk === 'string') chunks.push(Buffer.from(chunk, textEncoding(encoding)));
    else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  const { write, end } = response;
  response.write = function (...args) {
    note(...args);
    return write.apply(this, args);
  };
  response.end = function (...args) {
    note(...args);
    const result = end.apply(this, args);
    tell();
    return result;
  };
  response.once('close', tell);
}

function textEncoding(encoding) {
  return typeof encoding === 'string' ? encoding : 'utf8';
}

/** The head as it went out; `getHeaders` does not know what `writeHead` was given. */
function headersOf(response) {
  const [, ...lines] = response._header.trimEnd().split('\r\n');
  return lines.map((line) => {
    const at = line.indexOf(':');
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
}

function decoded(body, response) {
  const decode = DECODERS[response.getHeader('content-encoding')];
  return decode === undefined || body.length === 0 ? body : decode(body);
}

/**
 * Secrets that an answer brings the browser on purpose. Cookies only of the whole app, which sends a
 * CSP with everything: the small apps that test one middleware show ids in their pages on purpose.
 */
function secretsIn(headers) {
  const isApp = headers.some(([name]) => name === 'content-security-policy');
  return headers.flatMap(([name, value]) => {
    if (name === 'location') return stateIn(value);
    return name === 'set-cookie' && isApp ? secretsInCookie(value) : [];
  });
}

function secretsInCookie(line) {
  return COOKIES.flatMap(([kind, pattern]) => {
    const secret = pattern.exec(line)?.[1];
    return secret === undefined ? [] : [[kind, decodeURIComponent(secret)]];
  });
}

function stateIn(location) {
  if (!URL.canParse(location)) return [];
  const query = new URL(location).searchParams;
  return query.has('client_id') ? [['state', query.get('state')]] : [];
}

/** Secrets that came to a simulator. */
function secretsSent({ path, search, body }) {
  if (path.endsWith('/oauth/authorize')) {
    const state = new URLSearchParams(search).get('state');
    return (state ?? '').length < SHORTEST_RANDOM ? [] : [['state', state]];
  }
  const verifier = /"?code_verifier"?[:=]"?([\w.~-]+)/.exec(body)?.[1];
  return (verifier ?? '').length < SHORTEST_RANDOM ? [] : [['code verifier', verifier]];
}

function secretsOfEnvironment(env) {
  return Object.entries(env).flatMap(([name, value]) => {
    const found = VARIABLES.find(([, pattern]) => pattern.test(name));
    if (found === undefined || value === undefined) return [];
    const [kind, , parts] = found;
    return parts(value).map((part) => [kind, part]);
  });
}

/** Each key as it is written, and its bytes. */
function sealingKeys(value) {
  return value.split(',').flatMap((one) => {
    const key = one.slice(one.indexOf(':') + 1);
    return [key, Buffer.from(key, 'base64')];
  });
}

function passwordIn(url) {
  const password = /^\w[\w+]*:\/\/[^/@]*:([^/@]+)@/.exec(url)?.[1];
  return password === undefined ? [] : [decodeURIComponent(password)];
}
