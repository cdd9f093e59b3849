import { REGISTRATION_IDS } from '../oauth/registration.js';
import { RESOURCE_OWNER_TYPES, parseResourceOwner } from '../oauth/resource-owner.js';
import { type GrantKey, parseGrantId } from '../grants/grant.js';
import { UsageError } from './command.js';

/** How people write a user. */
export const USER_SHAPE =
  'a user is <registration>/<type>/<id>, for example us-sandbox/Practitioner/1234';

/**
 * Reads a user as people write one. The id is all that follows the second slash, whatever is in it.
 *
 * @throws UsageError that says what is wrong with it.
 */
export function parseUserName(text: string): GrantKey {
  const [, named = '', type = '', id = ''] = /^([^/]*)\/([^/]*)\/(.+)$/su.exec(text) ?? [];
  if (id === '') throw new UsageError(`"${printable(text)}" is no user: ${USER_SHAPE}`);
  const registration = REGISTRATION_IDS.find((one) => one === named);
  if (registration === undefined) {
    throw new UsageError(`"${printable(named)}" is no registration: ${USER_SHAPE}`);
  }
  const { resourceOwner, ownerProblem } = parseResourceOwner({ id, type });
  if (ownerProblem !== undefined) {
    const types = RESOURCE_OWNER_TYPES.join(', ');
    throw new UsageError(`"${printable(type)}" is no type of user: it is one of ${types}`);
  }
  if (resourceOwner === undefined) throw new UsageError('an id has 1 to 255 characters');
  return { registration, owner: resourceOwner };
}

/** A user as `parseUserName` reads it. */
export function userName({ registration, owner }: GrantKey): string {
  return `${registration}/${owner.type}/${owner.id}`;
}

/** The same for a name in storage; one that nobody has made is shown as it is. */
export function storedUserName(id: string): string {
  const key = parseGrantId(id);
  return key === undefined ? id : userName(key);
}

/** For a terminal, which must not take what is in an id for orders. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
