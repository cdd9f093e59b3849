/** What happens to the old pair after a refresh: it dies at the new one's first use, or at once. */
export type Rotation = 'on_use' | 'immediate';

/** Settings that may change while the simulator runs; lifetimes are in seconds. */
export interface ProviderSettings {
  rotation: Rotation;
  accessTokenLifetime: number;
  codeLifetime: number;
  /** Whether applications may list and search products; one by its id they may always read. */
  catalog: 'restricted' | 'open';
  /** `none`: clinics without a single patient, and so without plans and orders. */
  patients: 'seeded' | 'none';
  /** What the applications have lost: pairs that were granted these scopes go without them. */
  withheldScopes: string[];
}

/** The settings that decide what the resource API shows, as they are at the start. */
export function plainWorld(): Pick<ProviderSettings, 'catalog' | 'patients' | 'withheldScopes'> {
  return { catalog: 'restricted', patients: 'seeded', withheldScopes: [] };
}

/** What is left of granted scopes. A pair keeps what it was granted, and has it back later. */
export function scopesLeft(settings: ProviderSettings, scopes: readonly string[]): string[] {
  return scopes.filter((scope) => !settings.withheldScopes.includes(scope));
}
