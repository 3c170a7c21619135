/**
 * The least a call can cost on this runtime: a server that reads what comes and does not look at it (`bytes`), takes the
 * frames in (`sockets`), also decodes them (`decoding`), also scores them together with everybody's (`inference`), also
 * sends audio half of the time (`sending`), also exchanges with the provider what any server does, and sends on the voice
 * that comes from there (`exchanging`, see `FloorProvider.ts`): what is above that is the conversation's. It holds no
 * conversation. A process of its own; says its port to its parent.
 */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import { type Duplex } from "node:stream"
import * as ort from "onnxruntime-node"
import { type WebSocket, WebSocketServer } from "ws"
import { denseModel } from "../../src/layers/SileroDense.ts"
import { denseMemory, emptyRow, MAX_ROWS, type ModelRow } from "../../src/layers/SileroMemory.ts"
import { shippedModel } from "../../src/layers/SileroModel.ts"
import { WINDOW_SAMPLES } from "../../src/schema/Audio.ts"
import { decodeUsualMedia } from "../../src/streams/DecodeFrames.ts"
import { decodeMulawBase64 } from "../../src/streams/Mulaw.ts"
import { exchange } from "./FloorProvider.ts"

const LEVELS = ["bytes", "sockets", "decoding", "inference", "sending", "exchanging"]
const level = LEVELS.indexOf(process.argv[2] ?? "exchanging")

const bytes = denseModel(await readFile(shippedModel.path)) ?? new Uint8Array()
const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 })
const memory = denseMemory(ort)

const waiting: Array<ModelRow> = []
let heard = 0

/** Scores all that came in a few milliseconds. */
const score = async (): Promise<void> => {
  while (waiting.length > 0) {
    const rows = waiting.splice(0, MAX_ROWS)
    memory.gather(rows)
    const { feeds, fetches } = memory.tensors(rows.length)
    await session.run(feeds, fetches)
    memory.scatter(rows)
    for (const row of rows) {
      heard += row.probability
      const { next, state } = row
      row.state = next
      row.next = state
      row.input.copyWithin(0, WINDOW_SAMPLES)
    }
  }
  setTimeout(score, 5)
}
if (level >= 3) void score()

const frameOf = (payload: string): string =>
  `{"event":"media","streamSid":"MZ${"0".repeat(32)}","media":{"payload":"${payload}"}}`

const frame = frameOf(Buffer.alloc(480, 0x55).toString("base64"))

const call = (socket: WebSocket): void => {
  socket.on("error", () => {})
  if (level < 2) return void socket.on("message", () => {})
  const provider = level < 5 ? undefined : exchange((payload) => socket.send(frameOf(payload)))
  socket.on("close", () => provider?.end())
  const row = emptyRow()
  let filled = 0
  socket.on("message", (data: Buffer) => {
    const media = decodeUsualMedia(data.toString("utf8"))
    if (media === undefined) return
    const samples = decodeMulawBase64(media.media.payload)
    provider?.hear(samples)
    for (const sample of samples) {
      row.input[32 + filled++] = sample / 32_768
      if (filled < WINDOW_SAMPLES) continue
      filled = 0
      if (level >= 3) waiting.push(row)
    }
  })
  if (level !== 4) return
  let sent = 0
  const sending = setInterval(() => {
    // 60 ms of audio at a time, for half of the time.
    if (sent++ % 100 < 50) socket.send(frame)
  }, 60)
  socket.on("close", () => clearInterval(sending))
}

const server = createServer((request, response) => {
  request.resume()
  response.end(`<Response><Connect><Stream url="ws://${request.headers.host}/media-stream"/></Connect></Response>`)
})

/** Agrees to a WebSocket, and throws away what comes on it. */
const readOnly = (key: string, socket: Duplex): void => {
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
  )
  socket.on("error", () => {}).on("data", () => {})
}

if (level === 0) server.on("upgrade", (request, socket) => readOnly(request.headers["sec-websocket-key"] ?? "", socket))
else new WebSocketServer({ server, path: "/media-stream" }).on("connection", call)
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.({ port: typeof address === "object" ? address?.port : undefined, heard })
})
