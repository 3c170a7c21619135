/** A request in, whether a web page of somebody else's made it out. Owns no answer. */
import { type HttpServerRequest } from "effect/http"

/** Why such a request is refused, for the answer, the log and the count. */
export const FOREIGN_ORIGIN = "a web page of another site"

/**
 * Whether a page that is not of this server asks. Browsers say with every WebSocket whose page wants it, and let no page
 * say anything else; carriers and programs say nothing.
 *
 * A page is our own if it comes from the host that was asked, as the client or its proxy named it, or from the public one.
 */
export const isForeign = (
  { headers }: Pick<HttpServerRequest.HttpServerRequest, "headers">,
  publicUrl: URL | undefined
): boolean => {
  const origin = headers["origin"]
  if (origin === undefined) return false
  // A page without an origin of its own, such as a file or a sandboxed frame, says "null".
  if (!URL.canParse(origin)) return true
  const { host, protocol } = new URL(origin)
  // Through a tunnel that passes on another host. A page cannot add this header to its sockets.
  const forwarded = headers["x-forwarded-host"]?.split(",").map((name) => name.trim()) ?? []
  const own = [headers["host"] ?? "", ...forwarded].some(
    // Without the scheme's own port, as in the origin.
    (name) => URL.canParse(`${protocol}//${name}`) && new URL(`${protocol}//${name}`).host === host
  )
  return host === "" || !(own || host === publicUrl?.host)
}
