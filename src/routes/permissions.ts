/** A scope in words. */
export interface Permission {
  readonly scope: string;
  readonly title: string;
  readonly why: string;
}

const UNUSED = 'These pages do not use it.';

const WORDS = new Map<string, readonly [title: string, why: string]>(
  Object.entries({
    'clinic:read': ['See your clinic', 'To greet you and to show your clinic and its team.'],
    'clinic:write': ['Act for your clinic', UNUSED],
    'patients:read': ['See your patients', 'To list them and to show their treatment plans.'],
    'patients:write': ['Add and change patients', UNUSED],
    'patients:treatment_plan_history': [
      'See plans made in Fullscript',
      'So that a patient’s plans are complete, wherever they were written.',
    ],
    'patients:order_history': ['See orders', 'To show what a patient ordered, and when.'],
    'catalog:read': [
      'Browse the catalog',
      'To look up brands and products. Every application has it.',
    ],
  }),
);

/** What the pages of this portal read. */
const USED = [
  'clinic:read',
  'patients:read',
  'patients:treatment_plan_history',
  'patients:order_history',
  'catalog:read',
];

/** Scopes in words, in their order; one that nobody has described yet stands for itself. */
export function permissions(scopes: readonly string[]): Permission[] {
  return scopes.map((scope) => {
    const [title, why] = WORDS.get(scope) ?? [scope, ''];
    return { scope, title, why };
  });
}

/**
 * What will be shared: what the application says it needs, or else what the portal's pages read.
 * Fullscript itself decides by what is set for the application there.
 */
export function permissionsAskedFor(wanted: readonly string[]): Permission[] {
  return permissions(wanted.length > 0 ? wanted : USED);
}
