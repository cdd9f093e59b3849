import { createHash } from 'node:crypto';

export interface User {
  readonly name: string;
  /** `sub` in one dialect, `resource_owner.id` in the other. */
  readonly id: string;
}

/** The same name has the same id in every run, so that whoever signs in can say who should be in. */
export function userNamed(name: string): User {
  const hex = createHash('sha256').update(name).digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ];
  return { name, id: [...parts, hex.slice(20, 32)].join('-') };
}
