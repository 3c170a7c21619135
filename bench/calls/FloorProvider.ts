/**
 * What any server of a call exchanges with its provider, as cheaply as Node does it and whatever is said: a caller who
 * speaks a third of the time goes to recognition, and one answer after the other is fetched, spoken and passed on, which
 * takes half of the time. Owns one call's exchange, not the call.
 */
import { Agent, request } from "node:http"
import { WebSocket } from "ws"
import { PHONE_RATE } from "../../src/schema/Audio.ts"
import { STT_RATE } from "../../src/schema/TogetherStt.ts"
import { TTS_RATE } from "../../src/schema/TogetherTts.ts"
import { encodeMulaw } from "../../src/streams/Mulaw.ts"
import { makeResampler } from "../../src/streams/Resample.ts"

/** From one answer to the next, in milliseconds: twice as long as the stand-in's answer is heard. */
const CYCLE_MS = 10_300

/** Of that, how long the caller speaks. */
const SPEAKING_MS = CYCLE_MS / 3

/** Audio in one append, in milliseconds. */
const APPEND_MS = 100

const base = process.env["TOGETHER_BASE_URL"] ?? ""
const socketBase = base.replace(/^http/, "ws")

const body = JSON.stringify({ model: "llm", stream: true, messages: [{ role: "user", content: "Yes." }] })
const agent = new Agent({ keepAlive: true })

/** Fetches an answer; its tokens are read as they come, and the whole is given at the end. */
const fetchAnswer = (done: (text: string) => void): void => {
  const headers = { "content-type": "application/json", "content-length": body.length, authorization: "Bearer key" }
  const asked = request(`${base}/chat/completions`, { method: "POST", agent, headers }, (response) => {
    let lines = ""
    let text = ""
    response.setEncoding("utf8").on("data", (part: string) => {
      const whole = (lines + part).split("\n")
      lines = whole.pop() ?? ""
      for (const line of whole) {
        if (line.startsWith("data: {")) text += JSON.parse(line.slice(6)).choices[0]?.delta?.content ?? ""
      }
    })
    response.on("end", () => done(text))
  })
  asked.on("error", () => {})
  asked.end(body)
}

/** The exchange of one call. */
export interface FloorExchange {
  /** Takes what the caller sent, 8 kHz. */
  readonly hear: (samples: Int16Array) => void
  readonly end: () => void
}

/** Begins it; `play` is given the agent's voice as base64 mu-law, 100 ms at a time. */
export const exchange = (play: (payload: string) => void): FloorExchange => {
  const stt = new WebSocket(`${socketBase}/realtime?model=stt&input_audio_format=pcm_s16le_16000`)
  const tts = new WebSocket(`${socketBase}/audio/speech/websocket?model=tts&voice=v`)
  const up = makeResampler(PHONE_RATE, STT_RATE)
  const down = makeResampler(TTS_RATE, PHONE_RATE)
  const batch = new Int16Array((APPEND_MS * PHONE_RATE) / 1000)
  let filled = 0
  let words = ""
  /** Until when the caller speaks. */
  let speaksUntil = 0
  let ended = false

  stt.on("error", () => {})
  stt.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString("utf8")) as { readonly delta?: string; readonly transcript?: string }
    words = message.transcript ?? message.delta ?? words
  })
  tts.on("error", () => {})
  tts.on("message", (data: Buffer) => {
    const { delta } = JSON.parse(data.toString("utf8")) as { readonly delta?: string }
    if (delta === undefined) return
    const pcm = Buffer.from(delta, "base64")
    const mulaw = encodeMulaw(down.push(new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length >> 1)))
    play(Buffer.from(mulaw.buffer, mulaw.byteOffset, mulaw.length).toString("base64"))
  })

  const say = (text: string): void => {
    if (ended) return
    tts.send(JSON.stringify({ type: "input_text_buffer.append", text }))
    tts.send('{"type":"input_text_buffer.commit"}')
  }

  let ask: NodeJS.Timeout | undefined
  const cycle = (): void => {
    speaksUntil = performance.now() + SPEAKING_MS
    ask = setTimeout(() => {
      if (stt.readyState === WebSocket.OPEN) stt.send('{"type":"input_audio_buffer.commit"}')
      fetchAnswer(say)
    }, SPEAKING_MS)
  }
  let cycles: NodeJS.Timeout | undefined
  // Calls are spread over the cycle.
  const begin = setTimeout(() => {
    cycle()
    cycles = setInterval(cycle, CYCLE_MS)
  }, Math.random() * CYCLE_MS)

  return {
    hear: (samples) => {
      if (performance.now() > speaksUntil || stt.readyState !== WebSocket.OPEN) return
      batch.set(samples, filled)
      filled += samples.length
      if (filled < batch.length) return
      filled = 0
      const pcm = up.push(batch)
      const audio = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString("base64")
      stt.send(`{"type":"input_audio_buffer.append","audio":"${audio}"}`)
    },
    end: () => {
      ended = true
      for (const timer of [begin, ask, cycles]) clearTimeout(timer)
      stt.close()
      tts.close()
    }
  }
}
