/**
 * Closes in reverse what was opened one after the other, once. Where one fails the others are closed all the
 * same: a store that is left open takes a server with it, and traces that are left are lost.
 *
 * @throws the first error, when all of them have had their turn.
 */
export async function closeAll(opened: (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const close of opened.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
