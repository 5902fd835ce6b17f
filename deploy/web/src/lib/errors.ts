/**
 * What can go wrong, as the Python package has it: `Unavailable` is its ImportError (something is missing here: SIMD,
 * workers), `NotFound` its FileNotFoundError, `Refused` its ValueError (a wrong value, a damaged file, a network that the
 * engine can't run). Each message is one line.
 */

class LandmarksError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

export class Unavailable extends LandmarksError {}
export class NotFound extends LandmarksError {}
export class Refused extends LandmarksError {}

export const FOREIGN =
  "the image comes from another site, which does not let its pixels be read (the attribute crossorigin, and CORS there)";

const KINDS = { Unavailable, NotFound, Refused };

/** An error as a worker can send it. */
export interface Told {
  kind: string;
  message: string;
}

export function tell(error: unknown): Told {
  const known = error instanceof Error && error.name in KINDS;
  return { kind: known ? error.name : "Error", message: error instanceof Error ? error.message : String(error) };
}

/** The error that was sent. */
export function told({ kind, message }: Told): Error {
  const known = KINDS[kind as keyof typeof KINDS];
  return known ? new known(message) : new Error(message);
}
