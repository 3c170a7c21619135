/** WebSockets to services, as clients of them open: with limits on what a service may send at once and may leave unread. Owns no protocol. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Layer } from "effect"
import { Socket } from "effect/socket"

/** Longest message from a service, in bytes: a minute of speech as it is sent, base64 of 24 kHz PCM, and room. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024

/** Bytes on their way to a service above which it counts as lost: about twenty seconds of speech for recognition. */
export const MAX_UNSENT_BYTES = 1024 * 1024

/** A WebSocket that breaks off when the other end does not read what it is sent, instead of keeping all of it. */
class BoundedWebSocket extends NodeWS.WebSocket {
  override send(data: Parameters<NodeWS.WebSocket["send"]>[0]): void {
    if (this.bufferedAmount > MAX_UNSENT_BYTES) this.terminate()
    else super.send(data)
  }
}

/** Base64 of audio hardly compresses, and a context per connection costs memory. */
const limits = { maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false } as const

/** How services' sockets are made. */
export const layer: Layer.Layer<Socket.WebSocketConstructor> = Layer.succeed(Socket.WebSocketConstructor)((
  url,
  options
) => {
  if (options === undefined || typeof options === "string" || Array.isArray(options)) {
    return new BoundedWebSocket(url, options, limits)
  }
  return new BoundedWebSocket(url, options.protocols, { ...limits, headers: options.headers })
})
