import { resolve, sep } from "node:path";

/** The project's folder, with a slash at the end. */
export const PROJECT_ROOT = resolve(import.meta.dirname, "../..") + sep;
