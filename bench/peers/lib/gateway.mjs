import { Buffer } from 'node:buffer';
import { apiUrl } from './settings.mjs';

/** Calls the API for what follows `/api` and hands on the answer. */
export async function handOn(req, res, accessToken) {
  const answer = await globalThis.fetch(apiUrl + req.originalUrl.slice('/api'.length), {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  const body = Buffer.from(await answer.arrayBuffer());
  res.statusCode = answer.status;
  const type = answer.headers.get('content-type');
  if (type !== null) res.setHeader('content-type', type);
  res.end(body);
}
