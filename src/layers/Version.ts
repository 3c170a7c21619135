/** Which version of Parley runs, as its package says. */
import { createRequire } from "node:module"

// The package file is two levels up from here in the sources and in `dist/` alike.
const manifest: { readonly version: string } = createRequire(import.meta.url)("../../package.json")

/** Version of this package, for example `1.2.3`. */
export const version: string = manifest.version
