/** A request in, the address it came from out, as far as it can be trusted and in a form that can be counted by. */
import { Option, Result } from "effect"
import { type HttpServerRequest } from "effect/http"
import { NetAddress } from "effect/net"

/** The address in a text, one of IPv4 that was mapped to IPv6 as itself; undefined if it is none. */
export const parseAddress = (text: string): NetAddress.IpAddress | undefined =>
  Result.getOrUndefined(NetAddress.ipFromString(text.trim().replace(/^::ffff:(?=\d+\.)/i, "")))

/** One subscriber has at least a /64 of IPv6, and could come from another address each time. */
const subscriber = (address: NetAddress.IpAddress): string =>
  NetAddress.isIpv4Address(address)
    ? NetAddress.formatIp(address)
    : `${NetAddress.ipv6ToSegments(address)
        .slice(0, 4)
        .map((segment) => segment.toString(16))
        .join(":")}::/64`

/**
 * Who a request came from: an IPv4 address or an IPv6 network.
 *
 * A peer on this machine is a tunnel or a proxy, and believed what it adds to `X-Forwarded-For`; nobody else is.
 */
export const clientAddress = (
  request: Pick<HttpServerRequest.HttpServerRequest, "headers" | "remoteAddress">
): string => {
  const peer = parseAddress(Option.getOrElse(request.remoteAddress, () => ""))
  if (peer === undefined) return "unknown"
  const forwarded = request.headers["x-forwarded-for"]?.split(",").at(-1)
  const client = forwarded !== undefined && NetAddress.isLoopback(peer) ? parseAddress(forwarded) : undefined
  return subscriber(client ?? peer)
}
