/** Something that must stay secret. */
export interface KnownSecret {
  readonly kind: string;
  /** Bytes, one a character. */
  readonly value: string;
}

/** Something that must not contain a secret. */
export interface Material {
  /** `header`, `body`, `metrics`, `log`, `output`, `redis` or `file`. */
  readonly channel: string;
  readonly where: string;
  /** Of a header. */
  readonly name?: string;
  /** Which test ran, as far as that is known. */
  readonly running?: string;
  /** Bytes, one a character. */
  readonly text: string;
}

export interface Sinks {
  readonly secret: (secret: KnownSecret) => void;
  readonly material: (material: Material) => void;
}

/** Tells `sinks` of every secret and of everything that must not contain one, until it is stopped. */
export function record(sinks: Sinks): () => void;
