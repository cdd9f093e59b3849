import { z } from 'zod';
import { id, text } from './field.js';

/** Somebody of the clinic: a practitioner, a member of staff, or a patient. */
export interface Person {
  readonly id: string;
  /** Empty when Fullscript tells none. */
  readonly name: string;
  readonly email: string | undefined;
}

export const personFields = z.object({ id, first_name: text, last_name: text, email: text });

export const person = personFields.transform(toPerson);

export function toPerson(wire: z.infer<typeof personFields>): Person {
  const name = [wire.first_name, wire.last_name].filter((part) => part !== undefined).join(' ');
  return { id: wire.id, name, email: wire.email };
}
