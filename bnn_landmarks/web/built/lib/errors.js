class LandmarksError extends Error {
    constructor(message) {
        super(message);
        this.name = new.target.name;
    }
}
export class Unavailable extends LandmarksError {
}
export class NotFound extends LandmarksError {
}
export class Refused extends LandmarksError {
}
export const FOREIGN = "the image comes from another site, which does not let its pixels be read (the attribute crossorigin, and CORS there)";
const KINDS = { Unavailable, NotFound, Refused };
export function tell(error) {
    const known = error instanceof Error && error.name in KINDS;
    return { kind: known ? error.name : "Error", message: error instanceof Error ? error.message : String(error) };
}
export function told({ kind, message }) {
    const known = KINDS[kind];
    return known ? new known(message) : new Error(message);
}
