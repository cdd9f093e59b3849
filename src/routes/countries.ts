/** Countries in words. */
export const COUNTRIES = { us: 'United States', ca: 'Canada' } as const;
