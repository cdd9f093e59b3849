import type { Answer } from './answer.js';
import { jsonAnswer } from './answer.js';
import type { Fault } from './faults.js';

type Effect = Exclude<Fault, { kind: 'delay' }>;

const STRANGER = { id: '00000000-0000-4000-8000-00000000dead', type: 'Practitioner' };

/** What a `status` fault answers in place of the endpoint. */
export function statusAnswer(fault: Extract<Fault, { kind: 'status' }>): Answer {
  const { status, body = '' } = fault;
  const answer: Answer =
    typeof body === 'string'
      ? { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body }
      : jsonAnswer(status, body);
  const headers = { ...answer.headers };
  for (const [name, value] of Object.entries(fault.headers ?? {})) {
    headers[name.toLowerCase()] = value;
  }
  return { ...answer, headers };
}

/** Bends an answer the endpoint has really given: its effects have already happened. */
export function bendAnswer(answer: Answer, fault: Effect | undefined): Answer {
  switch (fault?.kind) {
    case 'status':
      return fault.when === 'after' ? statusAnswer(fault) : answer;
    case 'garbage':
      // Half of the real answer: JSON that begins well, whatever the endpoint is.
      return { ...answer, body: answer.body.slice(0, Math.floor(answer.body.length / 2)) };
    case 'missing_field':
      return editFields(answer, (fields) => {
        for (const name of fault.fields) Reflect.deleteProperty(fields, name);
      });
    case 'narrow_scope':
      return editFields(answer, (fields) => {
        narrowScope(fields, fault.without);
      });
    case 'change_owner':
      return editFields(answer, (fields) => {
        if ('resource_owner' in fields) fields['resource_owner'] = fault.owner ?? STRANGER;
      });
    case 'string_numbers':
      return editFields(answer, stringifyNumbers);
    default:
      return answer;
  }
}

function narrowScope(fields: Record<string, unknown>, without: readonly string[]): void {
  if (typeof fields['scope'] !== 'string') return;
  const left = fields['scope'].split(' ').filter((name) => !without.includes(name));
  fields['scope'] = left.join(' ');
}

function stringifyNumbers(fields: Record<string, unknown>): void {
  const { expires_in: expiresIn, created_at: createdAt } = fields;
  if (typeof expiresIn === 'number') fields['expires_in'] = String(expiresIn);
  if (typeof createdAt === 'string') {
    fields['created_at'] = Math.floor(Date.parse(createdAt) / 1000);
  }
}

/** Edits the `oauth` object of a successful token answer, or else the top level. */
function editFields(answer: Answer, edit: (fields: Record<string, unknown>) => void): Answer {
  if (answer.status !== 200 || !answer.body.startsWith('{')) return answer;
  const body = JSON.parse(answer.body) as Record<string, unknown>;
  const inner = body['oauth'];
  const fields: Record<string, unknown> =
    typeof inner === 'object' && inner !== null ? { ...inner } : body;
  edit(fields);
  const edited = fields === body ? body : { ...body, oauth: fields };
  return { ...answer, body: JSON.stringify(edited) };
}
