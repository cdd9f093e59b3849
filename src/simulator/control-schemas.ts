import { z } from 'zod';
import type { Fault } from './faults.js';
import { type ScenarioName, SCENARIOS } from './scenario-table.js';
import type { ProviderSettings } from './settings.js';

/** Forms send an empty text for what was left open. */
const given = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const wholeNumber = z.coerce.number().int().min(0);
const seconds = z.coerce.number().int().min(1);
const splitNames = (value: unknown) =>
  typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value;
const names = z.preprocess(splitNames, z.array(z.string()).min(1));

/** A name and a value that node can send; forms have one header a line. */
const headers = z.preprocess(
  (value) => (typeof value === 'string' ? headersOfText(value) : value),
  z.record(
    z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'not the name of a header'),
    z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'not the value of a header'),
  ),
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
    headers: given(headers),
    body: given(z.unknown()),
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
  catalog: given(z.enum(['restricted', 'open'])),
  patients: given(z.enum(['seeded', 'none'])),
  // The form shows what is withheld: emptied, it withholds nothing.
  withheldScopes: z.preprocess(splitNames, z.array(z.string())).optional(),
});

const scenarioNames = Object.keys(SCENARIOS) as [ScenarioName, ...ScenarioName[]];

/** Which state to play. */
export const scenarioInput = z.object({ scenario: z.enum(scenarioNames) });

/** Whose authorization to revoke. */
export const revokeInput = z.object({ ownerId: z.string().min(1) });

function headersOfText(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...value] = line.split(':');
      return [name.trim(), value.join(':').trim()];
    }),
  );
}
