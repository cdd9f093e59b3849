import Bowser from 'bowser';

export const UNKNOWN_DEVICE = 'Unknown browser';

/** Real ones are shorter. What comes after that is not looked at. */
export const LOOKED_AT = 512;

// For what it does not know, the library takes a name out of the header.
const BROWSERS = new Set(Object.values(Bowser.BROWSER_MAP));
const SYSTEMS = new Set(Object.values(Bowser.OS_MAP));
/** People say these rather than iOS. */
const MODELS = new Set(['iPhone', 'iPad', 'iPod Touch']);

/**
 * What a `User-Agent` header says about a browser, for its user: "Chrome on Windows". Made of names that
 * the library lists and of nothing in the header, so it is short and cannot hold anything else. A browser
 * may say what it likes, so this is a hint and no proof.
 */
export function deviceLabel(userAgent: string | undefined): string {
  const header = userAgent?.slice(0, LOOKED_AT).trim() ?? '';
  if (header === '') return UNKNOWN_DEVICE;
  const { browser, os, platform } = Bowser.parse(header);
  const name = listed(BROWSERS, browser.name);
  if (name === undefined) return UNKNOWN_DEVICE;
  const system = listed(MODELS, platform.model) ?? listed(SYSTEMS, os.name);
  // "Samsung Internet for Android" says it already.
  return system === undefined || name.includes(system) ? name : `${name} on ${system}`;
}

function listed(names: ReadonlySet<string>, name: string | undefined): string | undefined {
  return name !== undefined && names.has(name) ? name : undefined;
}
