import { z } from 'zod';
import type { Fault } from './faults.js';
import type { ProviderSettings } from './provider.js';

/** Forms send an empty text for what was left open. */
const given = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const wholeNumber = z.coerce.number().int().min(0);
const seconds = z.coerce.number().int().min(1);
const names = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value),
  z.array(z.string()).min(1),
);

const match = {
  endpoint: z.enum(['token', 'revoke', 'api', 'authorize']),
  grantType: given(z.string()),
  path: given(z.string()),
  times: given(z.coerce.number().int().min(1)),
};
const when = given(z.enum(['before', 'after']));

const faultSchema = z.discriminatedUnion('kind', [
  z.object({ ...match, kind: z.literal('delay'), ms: wholeNumber.max(600_000), when }),
  z.object({
    ...match,
    kind: z.literal('status'),
    status: z.coerce.number().int().min(200).max(599),
    headers: given(z.record(z.string(), z.string())),
    body: z.unknown().optional(),
    when,
  }),
  z.object({ ...match, kind: z.enum(['drop', 'lost_answer']) }),
  z.object({ ...match, kind: z.enum(['garbage', 'string_numbers']) }),
  z.object({ ...match, kind: z.literal('missing_field'), fields: names }),
  z.object({ ...match, kind: z.literal('narrow_scope'), without: names }),
  z.object({
    ...match,
    kind: z.literal('change_owner'),
    owner: given(z.object({ id: z.string(), type: z.string() })),
  }),
]);

/** A fault, as JSON or as the control page's form sends it. */
export const faultInput: z.ZodType<Fault> = faultSchema;

/** Settings that may change while the simulator runs; `scopes` narrows future grants. */
export const settingsInput: z.ZodType<
  { [Key in keyof ProviderSettings]?: ProviderSettings[Key] | undefined } & {
    scopes?: string[] | undefined;
  }
> = z.object({
  rotation: given(z.enum(['on_use', 'immediate'])),
  accessTokenLifetime: given(seconds),
  codeLifetime: given(seconds),
  scopes: given(names),
});

/** Whose authorization to revoke. */
export const revokeInput = z.object({ ownerId: z.string().min(1) });
