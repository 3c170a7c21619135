/** Sockets that do what a test says, in place of the network. */
import { Layer } from "effect"
import { Socket } from "effect/socket"

type Listener = (event: Socket.WebSocketEvent) => void

/** One socket as the client has it, and what a test can do to it. */
export class FakeSocket implements Socket.WebSocketLike {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly sent: Array<Record<string, unknown>> = []
  readyState = 0
  /** What the client closed it with. */
  closedWith: number | undefined
  readonly #listeners = new Map<string, Set<Listener>>()

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.url = url
    this.headers = headers
  }

  addEventListener(type: string, listener: Listener): void {
    const known = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, known.add(listener))
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.get(type)?.delete(listener)
  }

  close(code?: number): void {
    this.closedWith ??= code
    this.readyState = 3
  }

  send(data: string | Uint8Array): void {
    this.sent.push(JSON.parse(String(data)))
  }

  #tell(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ type, ...event })
  }

  /** The connection is made, and greeted with `session.created` unless it is not to be. */
  open(greeted = true): void {
    this.readyState = 1
    this.#tell("open", {})
    if (greeted) this.message({ type: "session.created" })
  }

  /** The service sends a message. */
  message(message: object): void {
    this.#tell("message", { data: JSON.stringify(message) })
  }

  /** The service sends audio of this many seconds in a context. */
  audio(context_id: string, seconds: number): void {
    const delta = Buffer.alloc(2 * Math.round(seconds * 24_000)).toString("base64")
    this.message({ type: "conversation.item.audio_output.delta", item_id: "tts_1", context_id, delta })
  }

  /** The service is done with an item. */
  done(context_id: string): void {
    this.message({ type: "conversation.item.audio_output.done", item_id: "tts_1", context_id })
  }

  /** The service closes. */
  hangUp(code: number): void {
    this.readyState = 3
    this.#tell("close", { code })
  }

  /** The connection cannot be made. */
  refuse(status: number): void {
    this.readyState = 3
    this.#tell("error", { error: new Error(`Unexpected server response: ${status}`) })
  }

  /** Types of the messages sent, texts in place of appends. */
  get said(): ReadonlyArray<unknown> {
    return this.sent
      .filter(({ type }) => type !== "input_text_buffer.commit")
      .map(({ text, type }) => (type === "input_text_buffer.append" ? text : type))
  }
}

/** A network of fake sockets: all that were dialled, and the layer that dials them. */
export const fakeSockets = () => {
  const dialled: Array<FakeSocket> = []
  const layer = Layer.succeed(Socket.WebSocketConstructor)((url, options) => {
    const headers = typeof options === "object" && "headers" in options ? (options.headers ?? {}) : {}
    const socket = new FakeSocket(url, headers)
    dialled.push(socket)
    return socket
  })
  return {
    dialled,
    layer,
    /** The socket dialled last. */
    last: (): FakeSocket => {
      const socket = dialled.at(-1)
      if (socket === undefined) throw new Error("nothing was dialled")
      return socket
    }
  }
}
