/**
 * What a phone agent costs that is written down as tutorials have it: callbacks on plain sockets, everything done per
 * frame. A process of its own; says its port to its parent.
 *
 * Own code after the rules of Together's guide (docs.together.ai/docs/how-to-build-phone-voice-agent): a model run for
 * every window of every call, every frame upsampled and appended to recognition, the reply's sentences spoken one after
 * the other, audio sent in messages of 20 ms as fast as it comes. Where the guide leaves it open, the cheaper way is taken:
 * one model session for all calls, on one thread.
 */
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { WebSocket, WebSocketServer } from "ws"

const START = 0.6
const END = 0.35
const SILENCE_MS = 500
const MIN_SPEECH_MS = 500
const BARGE_IN = 0.85
const BARGE_IN_WINDOWS = 3
const FINAL_WAIT_MS = 200
const AFTER_DONE_MS = 500
const WINDOW = 256
const CONTEXT = 32
const GREETING = "Hi, this is Kira from Together. How can I help you today?"

const base = process.env["TOGETHER_BASE_URL"] ?? ""
const socketBase = base.replace(/^http/, "ws")

const model = await InferenceSession.create(fileURLToPath(new URL("../../models/silero_vad.onnx", import.meta.url)), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1
})

// ---------------------------------------------------------------------------------------------------------------
// sound, sample by sample
// ---------------------------------------------------------------------------------------------------------------

const mulawToLinear = (byte: number): number => {
  const code = ~byte & 0xff
  const magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132
  return code & 128 ? -magnitude : magnitude
}

const linearToMulaw = (sample: number): number => {
  const biased = Math.min(Math.abs(sample), 32_635) + 132
  let segment = 7
  for (let mask = 0x4000; segment > 0 && (biased & mask) === 0; mask >>= 1) segment--
  return ~((sample < 0 ? 128 : 0) | (segment << 4) | ((biased >> (segment + 3)) & 15)) & 0xff
}

const decode = (mulaw: Buffer): Int16Array => {
  const pcm = new Int16Array(mulaw.length)
  for (let i = 0; i < mulaw.length; i++) pcm[i] = mulawToLinear(mulaw[i]!)
  return pcm
}

const twice = (pcm: Int16Array): Int16Array => {
  const out = new Int16Array(pcm.length * 2)
  for (let i = 0; i < pcm.length; i++) {
    const next = i + 1 < pcm.length ? pcm[i + 1]! : pcm[i]!
    out[2 * i] = pcm[i]!
    out[2 * i + 1] = Math.round((pcm[i]! + next) / 2)
  }
  return out
}

const third = (pcm: Int16Array): Int16Array => {
  const out = new Int16Array(Math.floor(pcm.length / 3))
  for (let i = 0; i < out.length; i++) out[i] = Math.round((pcm[3 * i]! + pcm[3 * i + 1]! + pcm[3 * i + 2]!) / 3)
  return out
}

const encode = (pcm: Int16Array): Buffer => {
  const mulaw = Buffer.alloc(pcm.length)
  for (let i = 0; i < pcm.length; i++) mulaw[i] = linearToMulaw(pcm[i]!)
  return mulaw
}

/** Voice probability of one call's windows. */
class Vad {
  private state = new Float32Array(2 * 128)
  private context = new Float32Array(CONTEXT)

  async score(window: Float32Array): Promise<number> {
    const input = new Float32Array(CONTEXT + WINDOW)
    input.set(this.context)
    input.set(window, CONTEXT)
    const result = await model.run({
      input: new Tensor("float32", input, [1, input.length]),
      state: new Tensor("float32", this.state, [2, 1, 128]),
      sr: new Tensor("int64", BigInt64Array.from([8000n]))
    })
    this.state = new Float32Array(result["stateN"]!.data as Float32Array)
    this.context = window.slice(-CONTEXT)
    return (result["output"]!.data as Float32Array)[0]!
  }
}

// ---------------------------------------------------------------------------------------------------------------
// the call
// ---------------------------------------------------------------------------------------------------------------

interface Heard {
  readonly role: "user" | "assistant"
  readonly content: string
}

class Call {
  private readonly vad = new Vad()
  private readonly stt = new WebSocket(`${socketBase}/realtime?model=stt&input_audio_format=pcm_s16le_16000`)
  private readonly tts = new WebSocket(`${socketBase}/audio/speech/websocket?model=tts&voice=v`)
  private readonly history: Array<Heard> = []
  private streamSid = ""
  private state: "listening" | "processing" | "speaking" = "listening"
  private buffered: Array<number> = []
  private scoring: Promise<void> = Promise.resolve()
  private voiced = false
  private speechMs = 0
  private quietMs = 0
  private loud = 0
  private partial = ""
  private onFinal: ((text: string) => void) | undefined
  private onDelta: ((pcm: Int16Array) => void) | undefined
  private onDone: (() => void) | undefined
  private aborted = false
  private readonly carrier: WebSocket

  constructor(carrier: WebSocket) {
    this.carrier = carrier
    carrier.on("message", (data: Buffer) => this.onMessage(data.toString()))
    carrier.on("close", () => {
      this.stt.close()
      this.tts.close()
    })
    for (const socket of [carrier, this.stt, this.tts]) socket.on("error", () => {})
    this.stt.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString())
      if (message.type.endsWith("transcription.delta")) this.partial = message.delta
      if (message.type.endsWith("transcription.completed")) this.onFinal?.(message.transcript)
    })
    this.tts.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString())
      if (message.type === "conversation.item.audio_output.delta") {
        const bytes = Buffer.from(message.delta, "base64")
        this.onDelta?.(new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1))
      }
      if (message.type === "conversation.item.audio_output.done") this.onDone?.()
    })
  }

  private send(message: object): void {
    if (this.carrier.readyState === WebSocket.OPEN) this.carrier.send(JSON.stringify(message))
  }

  private onMessage(text: string): void {
    const message = JSON.parse(text)
    switch (message.event) {
      case "start":
        this.streamSid = message.start.streamSid
        void this.say([GREETING])
        break
      case "media":
        this.onMedia(Buffer.from(message.media.payload, "base64"))
        break
      case "mark":
        if (this.state === "speaking") this.state = "listening"
        break
      default:
    }
  }

  private onMedia(mulaw: Buffer): void {
    if (this.state === "processing") return
    const pcm = decode(mulaw)
    if (this.state === "listening" && this.stt.readyState === WebSocket.OPEN) {
      const audio = Buffer.from(twice(pcm).buffer).toString("base64")
      this.stt.send(JSON.stringify({ type: "input_audio_buffer.append", audio }))
    }
    for (const sample of pcm) this.buffered.push(sample / 32_768)
    while (this.buffered.length >= WINDOW) {
      const window = Float32Array.from(this.buffered.splice(0, WINDOW))
      this.scoring = this.scoring.then(async () => this.onScore(await this.vad.score(window)))
    }
  }

  private onScore(probability: number): void {
    if (this.state === "speaking") {
      this.loud = probability > BARGE_IN ? this.loud + 1 : 0
      if (this.loud < BARGE_IN_WINDOWS) return
      this.aborted = true
      this.loud = 0
      this.send({ event: "clear", streamSid: this.streamSid })
      this.state = "listening"
      return
    }
    if (this.state !== "listening") return
    if (!this.voiced) {
      this.voiced = probability > START
      return
    }
    this.speechMs += 32
    this.quietMs = probability < END ? this.quietMs + 32 : 0
    if (this.quietMs < SILENCE_MS) return
    const enough = this.speechMs >= MIN_SPEECH_MS
    this.voiced = false
    this.speechMs = 0
    this.quietMs = 0
    if (enough) void this.answer()
  }

  private async words(): Promise<string> {
    const { partial } = this
    if (partial === "") return ""
    const final = new Promise<string>((resolve) => (this.onFinal = resolve))
    this.stt.send(JSON.stringify({ type: "input_audio_buffer.commit" }))
    const late = new Promise<string>((resolve) => setTimeout(() => resolve(partial), FINAL_WAIT_MS))
    const text = await Promise.race([final, late])
    this.onFinal = undefined
    this.partial = ""
    return text
  }

  private async answer(): Promise<void> {
    this.state = "processing"
    const text = await this.words()
    if (text === "") return void (this.state = "listening")
    this.history.push({ role: "user", content: text })
    const response = await fetch(`${base}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer key" },
      body: JSON.stringify({ model: "llm", stream: true, messages: this.history })
    })
    await this.say(this.sentences(response))
  }

  private async *sentences(response: Response): AsyncGenerator<string> {
    const decoder = new TextDecoder()
    let lines = ""
    let words = ""
    let reply = ""
    for await (const chunk of response.body ?? []) {
      lines += decoder.decode(chunk as Uint8Array, { stream: true })
      const whole = lines.split("\n")
      lines = whole.pop() ?? ""
      for (const line of whole) {
        if (!line.startsWith("data: ") || line.includes("[DONE]")) continue
        const token: string = JSON.parse(line.slice(6)).choices[0]?.delta?.content ?? ""
        words += token
        reply += token
        const parts = words.split(/(?<=[.!?])\s+/)
        words = parts.pop() ?? ""
        yield* parts
      }
    }
    if (words.trim() !== "") yield words
    this.history.push({ role: "assistant", content: reply })
  }

  private async say(sentences: Iterable<string> | AsyncIterable<string>): Promise<void> {
    this.aborted = false
    if (this.tts.readyState === WebSocket.CONNECTING) await new Promise((resolve) => this.tts.once("open", resolve))
    for await (const sentence of sentences) {
      if (this.aborted) return
      await this.speak(sentence)
    }
    this.send({ event: "mark", streamSid: this.streamSid, mark: { name: "end" } })
  }

  private async speak(sentence: string): Promise<void> {
    const done = new Promise<void>((resolve) => (this.onDone = () => setTimeout(resolve, AFTER_DONE_MS)))
    this.onDelta = (pcm) => {
      if (this.aborted) return
      this.state = "speaking"
      const mulaw = encode(third(pcm))
      for (let at = 0; at < mulaw.length; at += 160) {
        const payload = mulaw.subarray(at, at + 160).toString("base64")
        this.send({ event: "media", streamSid: this.streamSid, media: { payload } })
      }
    }
    this.tts.send(JSON.stringify({ type: "input_text_buffer.append", text: sentence }))
    this.tts.send(JSON.stringify({ type: "input_text_buffer.commit" }))
    await done
  }
}

const server = createServer((request, response) => {
  request.resume()
  response.setHeader("content-type", "text/xml")
  const url = `ws://${request.headers.host}/media-stream`
  response.end(`<?xml version="1.0"?><Response><Connect><Stream url="${url}"/></Connect></Response>`)
})
const sockets = new WebSocketServer({ server, path: "/media-stream" })
sockets.on("connection", (socket) => new Call(socket))
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.({ port: typeof address === "object" ? address?.port : undefined })
})
