/** A provider for load tests: Together's three services on one port, with stated delays, at the least cost of their own. Keeps no record and makes no mistakes; emulators that do are in `testing/`. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { STT_RATE } from "../schema/TogetherStt.ts"
import { answers, type KnownUtterance, makeVoicePieces, PIECE_MS, piecesOf, wordsFor } from "./LoadStandInSound.ts"
import { makeTicker, type Ticker } from "./LoadTicker.ts"

/** How long the services take, in milliseconds. */
export interface StandInDelays {
  /** From the end of the caller's audio to its final words. */
  readonly transcript: number
  /** From a request to the first token of the answer, and from token to token. */
  readonly firstToken: number
  readonly token: number
  /** From a sentence to its first audio, and from piece to piece: a tenth of real time. */
  readonly firstAudio: number
  readonly piece: number
}

/** What a good provider in the same region takes. */
export const standInDelays: StandInDelays = {
  transcript: 120,
  firstToken: 250,
  token: 12,
  firstAudio: 150,
  piece: PIECE_MS / 10
}

/** Audio between two beliefs about unfinished speech, in milliseconds. */
const INTERIM_MS = 500

/** Characters in a token, about as many as in a real one. */
const TOKEN_LENGTH = 4

const APPEND = "input_audio_buffer.append"
const COMMIT = "input_audio_buffer.commit"
const TRANSCRIPTION = "conversation.item.input_audio_transcription"

type Send = (message: Readonly<Record<string, unknown>>) => void

/** Bytes of base64 in a message that hold so many milliseconds of audio. */
const msOf = (messageLength: number): number => ((messageLength - 50) * 0.75 * 1000) / (2 * STT_RATE)

/** Recognition: counts audio, and knows the words from its length. */
const listen = (ticker: Ticker, delays: StandInDelays, known: ReadonlyArray<KnownUtterance>, send: Send) => {
  let item = 0
  let audioMs = 0
  let toldMs = 0
  send({ type: "session.created", session: { id: "stand-in", object: "realtime.session" } })
  return (message: Buffer): void => {
    // What a message is stands at its beginning; the audio is not looked at.
    const head = message.toString("latin1", 0, 64)
    if (head.includes(APPEND)) {
      audioMs += msOf(message.length)
      if (audioMs - toldMs < INTERIM_MS) return
      toldMs = audioMs
      send({ type: `${TRANSCRIPTION}.delta`, item_id: `item_${item}`, delta: wordsFor(known, audioMs) })
    } else if (head.includes(COMMIT)) {
      const completed = {
        type: `${TRANSCRIPTION}.completed`,
        item_id: `item_${item}`,
        transcript: wordsFor(known, audioMs)
      }
      const isEmpty = audioMs === 0
      item++
      audioMs = 0
      toldMs = 0
      if (!isEmpty) ticker.at(ticker.nowMs() + delays.transcript, () => send(completed))
    } else if (head.includes("clear")) {
      item++
      audioMs = 0
      toldMs = 0
    }
  }
}

/** Synthesis: a voice whose speech is as long as the text wants it. */
const speak = (
  ticker: Ticker,
  delays: StandInDelays,
  pieces: ReadonlyArray<string>,
  sendText: (text: string) => void
) => {
  /** What is to be said in each context, and when all of it will have been. */
  const contexts = new Map<string, { text: string; freeMs: number }>()
  let items = 0
  sendText(JSON.stringify({ type: "session.created", session: { id: "stand-in", object: "realtime.tts.session" } }))
  return (message: Buffer): void => {
    const { context_id: context = "default", text = "", type } = JSON.parse(String(message))
    if (type === "context.cancel") {
      contexts.delete(context)
      return sendText(JSON.stringify({ type: "context.cancelled", context_id: context }))
    }
    const known = contexts.get(context)
    const own = known ?? { text: "", freeMs: 0 }
    if (known === undefined) contexts.set(context, own)
    if (type === "input_text_buffer.append") own.text += text
    if (type !== "input_text_buffer.commit" || own.text === "") return
    const about = `"context_id":${JSON.stringify(context)},"item_id":"tts_${++items}"`
    let left = piecesOf(own.text)
    own.text = ""
    const startMs = Math.max(ticker.nowMs() + delays.firstAudio, own.freeMs)
    own.freeMs = startMs + left * delays.piece
    let next = items
    let dueMs = startMs
    const say = (): void => {
      if (contexts.get(context) !== own) return
      if (left-- === 0) return sendText(`{"type":"conversation.item.audio_output.done",${about}}`)
      sendText(`{"type":"conversation.item.audio_output.delta",${about},"delta":"${pieces[next++ % pieces.length]}"}`)
      ticker.at((dueMs += delays.piece), say)
    }
    ticker.at(startMs, say)
  }
}

const chunk = (content: string, finish: string | null): string =>
  `data: ${JSON.stringify({
    id: "stand-in",
    object: "chat.completion.chunk",
    created: 0,
    model: "stand-in",
    choices: [{ index: 0, text: content, finish_reason: finish, delta: { role: "assistant", content } }]
  })}\n\n`

/** The chunks of every answer, which are the same each time. */
const chunksOfAnswers = answers.map((text) => [
  ...(text.match(new RegExp(`.{1,${TOKEN_LENGTH}}`, "gs")) ?? []).map((token) => chunk(token, null)),
  `${chunk("", "stop")}data: [DONE]\n\n`
])

/** Completion: one of a few answers, whatever was asked. */
const answer = (ticker: Ticker, delays: StandInDelays, number: number, response: ServerResponse): void => {
  const chunks = chunksOfAnswers[number % chunksOfAnswers.length] ?? []
  let next = 0
  let dueMs = ticker.nowMs() + delays.firstToken
  const say = (): void => {
    if (response.destroyed) return
    if (next === 0) response.writeHead(200, { "content-type": "text/event-stream;charset=utf-8" })
    response.write(chunks[next++])
    if (next === chunks.length) response.end()
    else ticker.at((dueMs += delays.token), say)
  }
  ticker.at(dueMs, say)
}

/** Serves until the scope closes; gives the port of 127.0.0.1 it is on. */
export const startStandIn = Effect.fnUntraced(function* (
  known: ReadonlyArray<KnownUtterance>,
  delays: StandInDelays = standInDelays
): Effect.fn.Return<number, never, Scope.Scope> {
  const ticker = yield* makeTicker
  yield* Effect.forkScoped(ticker.run)
  const pieces = makeVoicePieces()
  const sockets = new NodeWS.WebSocketServer({ noServer: true, perMessageDeflate: false })
  let requests = 0

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume()
    if (request.method === "POST" && request.url === "/v1/chat/completions") {
      return answer(ticker, delays, requests++, response)
    }
    response.writeHead(404).end()
  })
  server.on("upgrade", (request, socket, head) => {
    const path = (request.url ?? "").split("?")[0]
    if (path !== "/v1/realtime" && path !== "/v1/audio/speech/websocket") return void socket.destroy()
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const sendText = (text: string): void => {
        if (webSocket.readyState === webSocket.OPEN) webSocket.send(text)
      }
      const receive =
        path === "/v1/realtime"
          ? listen(ticker, delays, known, (message) => sendText(JSON.stringify(message)))
          : speak(ticker, delays, pieces, sendText)
      webSocket.on("error", () => {})
      webSocket.on("message", (data) => receive(Buffer.isBuffer(data) ? data : Buffer.from(String(data))))
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        for (const socket of sockets.clients) socket.terminate()
        server.closeAllConnections()
        server.close()
      })
  )
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
})
