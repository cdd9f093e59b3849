/** Where lines go, as pino sees it. */
export interface LineDestination {
  readonly write: (line: string) => void;
  /** Writes what is there at once; pino asks for it with its last words. */
  readonly flushSync: () => void;
}

/**
 * Has the lines of one turn of the event loop written together: under load they are many, and each write of
 * its own costs as much as making the line. They are written before the process waits for anything again,
 * and when it ends by itself; being killed may cost it those of one turn.
 */
export function gatherLines(out: LineDestination): LineDestination {
  let lines = '';
  const flush = () => {
    const text = lines;
    lines = '';
    if (text !== '') out.write(text);
  };
  process.once('exit', flush);
  return {
    write: (line) => {
      if (lines === '') setImmediate(flush);
      lines += line;
    },
    flushSync: () => {
      flush();
      out.flushSync();
    },
  };
}
