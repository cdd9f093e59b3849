import { z } from 'zod';

/**
 * The kinds of Fullscript user that can authorize us. `Clinic` appears only for applications made
 * before 26 August 2021, whose tokens speak for the whole store.
 */
export const RESOURCE_OWNER_TYPES = ['Practitioner', 'Staff', 'Clinic'] as const;

export type ResourceOwnerType = (typeof RESOURCE_OWNER_TYPES)[number];

/** Whom an access token speaks for. `id` is opaque: Fullscript's own example is no UUID. */
export interface ResourceOwner {
  readonly id: string;
  readonly type: ResourceOwnerType;
}

// Any characters are fine (ids are encoded wherever they go); an endless id and half a character
// are not.
const wireOwner = z.object({
  id: z.union([
    z
      .string()
      .min(1)
      .max(255)
      .regex(/^\P{Surrogate}*$/u),
    z.number().int().transform(String),
  ]),
  type: z.string(),
});

/**
 * Reads `resource_owner` of a token answer. Types are compared without case, since Fullscript's
 * documentation writes them both ways.
 *
 * @returns no owner when there is none, or nothing that names one, and a problem when its type is one we
 *   do not know. What that means is the caller's to say: a sign-in cannot go on without, a refresh can.
 * @see https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/request-access-token
 */
export function parseResourceOwner(value: unknown): {
  resourceOwner: ResourceOwner | undefined;
  ownerProblem: 'resource_owner_unknown_type' | undefined;
} {
  const parsed = wireOwner.safeParse(value);
  if (!parsed.success) return { resourceOwner: undefined, ownerProblem: undefined };
  const { id, type: wireType } = parsed.data;
  const type = RESOURCE_OWNER_TYPES.find((t) => t.toLowerCase() === wireType.toLowerCase());
  return type === undefined
    ? { resourceOwner: undefined, ownerProblem: 'resource_owner_unknown_type' }
    : { resourceOwner: { id, type }, ownerProblem: undefined };
}
