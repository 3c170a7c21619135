/** A stand-in for Together in a process of its own: plain sockets, as late as a good service is, the same for every server measured. Says its port to its parent. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type WebSocket, WebSocketServer } from "ws"
import { agentPieces, PIECE_MS } from "./Lines.ts"

/** How long things take, in milliseconds. */
const FINAL_MS = 120
const FIRST_TOKEN_MS = 180
const TOKEN_MS = 12
const FIRST_AUDIO_MS = 120

/** How much faster than it is heard speech is made. */
const SPEED = 5

/** Speed of the voice, in milliseconds a character. */
const CHARACTER_MS = 1000 / 15

const words = "I would like to move my booking to the second week of next month if that is possible.".split(" ")

const answer = "Certainly, I can do that for you. Would Tuesday or Thursday suit you better?"

// ---------------------------------------------------------------------------------------------------------------
// recognition
// ---------------------------------------------------------------------------------------------------------------

const APPEND = '{"type":"input_audio_buffer.append"'

/** Audio between two beliefs: 300 ms at 16 kHz, in characters of base64. */
const BELIEF_CHARACTERS = (0.3 * 32_000 * 4) / 3

/** Whether a piece of base64 PCM is loud, from a few samples in it. */
const isLoud = (message: string): boolean => {
  const at = message.indexOf('"audio":"') + 9
  const bytes = Buffer.from(message.slice(at + 80, at + 400), "base64")
  for (let i = 0; i + 1 < bytes.length; i += 2) if (Math.abs(bytes.readInt16LE(i)) > 600) return true
  return false
}

const recognise = (socket: WebSocket): void => {
  let characters = 0
  let told = 0
  let items = 0
  const say = (message: object): void => socket.send(JSON.stringify(message))
  say({ type: "session.created", session: { id: "sess" } })
  socket.on("message", (data: Buffer) => {
    const text = data.toString("utf8")
    if (text.startsWith(APPEND)) {
      if (isLoud(text)) characters += text.length - APPEND.length
      const beliefs = Math.floor(characters / BELIEF_CHARACTERS)
      if (beliefs <= told) return
      told = beliefs
      const delta = words.slice(0, 1 + beliefs).join(" ")
      return say({ type: "conversation.item.input_audio_transcription.delta", item_id: `msg_${items}`, delta })
    }
    if (!text.includes("input_audio_buffer.commit")) return
    const item = items++
    const heard = characters > 0
    characters = 0
    told = 0
    setTimeout(() => {
      const transcript = heard ? words.join(" ") : ""
      say({ type: "conversation.item.input_audio_transcription.completed", item_id: `msg_${item}`, transcript })
    }, FINAL_MS)
  })
}

// ---------------------------------------------------------------------------------------------------------------
// voice
// ---------------------------------------------------------------------------------------------------------------

const pieces = agentPieces()

const speak = (socket: WebSocket): void => {
  const texts = new Map<string, string>()
  const cancelled = new Set<string>()
  /** When each context's speech so far will have been made. */
  const busyUntil = new Map<string, number>()
  let items = 0
  const say = (message: object): void => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
  }
  say({ type: "session.created", session: { id: "sess" } })
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString("utf8")) as { type: string; context_id?: string; text?: string }
    const context = message.context_id ?? "default"
    if (message.type === "input_text_buffer.append") {
      texts.set(context, (texts.get(context) ?? "") + (message.text ?? ""))
    }
    if (message.type === "context.cancel") {
      cancelled.add(context)
      say({ type: "context.cancelled", context_id: context })
    }
    if (message.type !== "input_text_buffer.commit") return
    const text = texts.get(context) ?? ""
    texts.delete(context)
    const count = Math.ceil((text.length * CHARACTER_MS) / PIECE_MS)
    const item_id = `tts_${++items}`
    const beginsAt = Math.max(performance.now() + FIRST_AUDIO_MS, busyUntil.get(context) ?? 0)
    busyUntil.set(context, beginsAt + (count * PIECE_MS) / SPEED)
    const next = (n: number): void => {
      if (cancelled.has(context) || socket.readyState !== socket.OPEN) return
      if (n === count) return say({ type: "conversation.item.audio_output.done", context_id: context, item_id })
      const delta = pieces[(items * 7 + n) % pieces.length]
      say({ type: "conversation.item.audio_output.delta", context_id: context, item_id, delta })
      setTimeout(() => next(n + 1), Math.max(0, beginsAt + ((n + 1) * PIECE_MS) / SPEED - performance.now()))
    }
    setTimeout(() => next(0), beginsAt - performance.now())
  })
}

// ---------------------------------------------------------------------------------------------------------------
// words
// ---------------------------------------------------------------------------------------------------------------

const tokens = answer.match(/\S+\s*/g) ?? []

const event = (delta: object, finish: string | null): string =>
  `data: ${JSON.stringify({ id: "chat", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`

const complete = (request: IncomingMessage, response: ServerResponse): void => {
  request.resume()
  request.on("end", () => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    const next = (n: number): void => {
      if (response.destroyed) return
      if (n === tokens.length) return void response.end(`${event({}, "stop")}data: [DONE]\n\n`)
      response.write(event({ role: "assistant", content: tokens[n] }, null))
      setTimeout(() => next(n + 1), TOKEN_MS)
    }
    setTimeout(() => next(0), FIRST_TOKEN_MS)
  })
}

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: process.argv.includes("--deflate") })
const server = createServer(complete)
server.on("upgrade", (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (ws) => {
    ws.on("error", () => {})
    if (request.url?.includes("/audio/speech/websocket") === true) speak(ws)
    else recognise(ws)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.({ port: typeof address === "object" ? address?.port : undefined })
})
process.on("disconnect", () => process.exit())
