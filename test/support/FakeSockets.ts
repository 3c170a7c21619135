/** WebSockets that are nowhere connected, for tests in virtual time: the test plays the service. */
import { Layer } from "effect"
import { Socket } from "effect/socket"

type EventType = "open" | "message" | "error" | "close"
type Listener = (event: Socket.WebSocketEvent) => void

/** One socket that was dialled. */
export interface FakeSocket {
  readonly url: string
  /** The text frames the client sent, parsed. */
  readonly sent: ReadonlyArray<{ readonly type: string; readonly audio?: string }>
  /** The code the client closed with; undefined: it did not. */
  readonly closedWith: () => number | undefined
  /** The handshake succeeds. */
  readonly open: () => void
  /** The service says something. */
  readonly say: (message: object) => void
  /** The connection ends from the service's side. */
  readonly end: (code: number) => void
}

/** Every socket that was dialled, in order, and the layer that dials them; `onDial` is told of each. */
export const fakeSockets = (onDial: (socket: FakeSocket) => void = () => {}) => {
  const dialled: Array<FakeSocket> = []
  const layer = Layer.succeed(Socket.WebSocketConstructor, (url) => {
    const listeners = new Map<EventType, Set<Listener>>()
    const emit = (type: EventType, event: Socket.WebSocketEvent) => {
      for (const listener of Array.from(listeners.get(type) ?? [])) listener(event)
    }
    const sent: Array<{ type: string; audio?: string }> = []
    let readyState = 0
    let closedWith: number | undefined
    const socket: Socket.WebSocketLike = {
      get readyState() {
        return readyState
      },
      addEventListener: (type, listener) => {
        listeners.set(type, (listeners.get(type) ?? new Set()).add(listener))
      },
      removeEventListener: (type, listener) => {
        listeners.get(type)?.delete(listener)
      },
      close: (code) => {
        closedWith = code
        readyState = 3
      },
      send: (data) => {
        sent.push(JSON.parse(String(data)))
      }
    }
    const fake: FakeSocket = {
      url,
      sent,
      closedWith: () => closedWith,
      open: () => {
        readyState = 1
        emit("open", {})
      },
      say: (message) => emit("message", { data: JSON.stringify(message) }),
      end: (code) => {
        readyState = 3
        emit("close", { code })
      }
    }
    dialled.push(fake)
    onDial(fake)
    return socket
  })
  return { dialled: dialled as ReadonlyArray<FakeSocket>, layer }
}
