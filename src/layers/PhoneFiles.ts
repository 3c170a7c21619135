/** The browser phone's files as they are served: read once, from the package's `web/phone` folder. Owns no route. */
import { Effect, Schema } from "effect"
import { createHash } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import { extname, join, sep } from "node:path"
import { fileURLToPath } from "node:url"

/** A file as it is sent. */
export interface PhoneFile {
  readonly bytes: Uint8Array
  readonly contentType: string
  /** Changes with the file's content, quotes included. */
  readonly etag: string
}

/** The browser phone's files are not where they belong: the installation is incomplete. */
export class PhoneFilesError extends Schema.TaggedError<PhoneFilesError>()("PhoneFilesError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** What is served; a file of any other kind is not. */
const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml; charset=utf-8",
  // By its definition mu-law, 8 kHz, mono (RFC 2046, 4.3).
  ".ulaw": "audio/basic"
}

// Two levels up from here in the sources and in `dist/` alike.
const folder = fileURLToPath(new URL("../../web/phone/", import.meta.url))

const readAll = async (): Promise<ReadonlyMap<string, PhoneFile>> => {
  const names = await readdir(folder, { recursive: true })
  const files = names.flatMap((name) => {
    const contentType = contentTypes[extname(name)]
    return contentType === undefined ? [] : [{ name, contentType }]
  })
  const entries = files.map(async ({ contentType, name }) => {
    const bytes = await readFile(join(folder, name))
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`
    return [name.replaceAll(sep, "/"), { bytes, contentType, etag }] as const
  })
  return new Map(await Promise.all(entries))
}

/** Every file of the page by its path in the folder, for example `samples/hello.ulaw`. */
export const readPhoneFiles: Effect.Effect<ReadonlyMap<string, PhoneFile>, PhoneFilesError> = Effect.tryPromise({
  try: readAll,
  catch: (cause) =>
    new PhoneFilesError({ message: "The browser phone's files cannot be read: expected the folder web/phone", cause })
}).pipe(
  Effect.filterOrFail(
    (files) => files.has("index.html"),
    () => new PhoneFilesError({ message: "The browser phone's files are incomplete: expected web/phone/index.html" })
  )
)
