/** A request in, whether a web page of somebody else's made it out. Owns no answer. */
import { Option } from "effect"
import { type HttpServerRequest } from "effect/http"
import { NetAddress } from "effect/net"
import { parseAddress } from "./ClientAddress.ts"

/** Why such a request is refused, for the answer, the log and the count. */
export const FOREIGN_ORIGIN = "a web page of another site"

type Asking = Pick<HttpServerRequest.HttpServerRequest, "headers" | "remoteAddress">

const isLoopback = (text: string): boolean => {
  const address = parseAddress(text)
  return address !== undefined && NetAddress.isLoopback(address)
}

/** An address, or a name that no name server is asked for: nobody can make it lead somewhere else. */
const isFixed = (hostname: string): boolean =>
  /^(?:.+\.)?localhost$/.test(hostname) || parseAddress(hostname.replace(/^\[|\]$/g, "")) !== undefined

/** What a tunnel or a proxy adds, and a page cannot add to its sockets. */
const wasForwarded = ({ headers }: Asking): boolean =>
  ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"].some((name) => headers[name] !== undefined)

/**
 * Whether the page may have come from elsewhere all the same: its owner only has to make its name lead to this machine
 * once it is loaded. Over TLS they cannot, as nobody here has their certificate.
 */
const isRebound = (request: Asking, { hostname, protocol }: URL): boolean =>
  protocol === "http:" &&
  !isFixed(hostname) &&
  !wasForwarded(request) &&
  Option.exists(request.remoteAddress, isLoopback)

/**
 * Whether a page that is not of this server asks. Browsers say with every WebSocket whose page wants it, and let no page
 * say anything else; carriers and programs say nothing.
 *
 * A page is our own if it comes from the host that was asked, as the client or its proxy named it, or from the public
 * one. For a browser on this machine itself, over `http`, the host that was asked has to be `localhost` or an address.
 */
export const isForeign = (request: Asking, publicUrl: URL | undefined): boolean => {
  const { headers } = request
  const origin = headers["origin"]
  if (origin === undefined) return false
  // A page without an origin of its own, such as a file or a sandboxed frame, says "null".
  if (!URL.canParse(origin)) return true
  const page = new URL(origin)
  const { host, protocol } = page
  if (host === "") return true
  if (host === publicUrl?.host) return false
  // Through a tunnel that passes on another host. A page cannot add this header to its sockets.
  const forwarded = headers["x-forwarded-host"]?.split(",").map((name) => name.trim()) ?? []
  const own = [headers["host"] ?? "", ...forwarded].some(
    // Without the scheme's own port, as in the origin.
    (name) => URL.canParse(`${protocol}//${name}`) && new URL(`${protocol}//${name}`).host === host
  )
  return !own || isRebound(request, page)
}
