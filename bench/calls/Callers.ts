/**
 * Synthetic Twilio callers in a process of their own, light enough to place hundreds of calls: they listen, say a recorded
 * sentence, wait for the answer to its end, and so on.
 *
 * Those of the load test (`src/cli/LoadCaller.ts`) would do, but at 50 calls they take 3.1 ms of processor time per second
 * of call where these take 2.0, as they look into all audio that comes: 400 would fill more than the one core that is left
 * to callers and stand-in.
 */
import { WebSocket } from "ws"
import { BYTES_PER_MS, FRAME_MS } from "../../src/schema/Audio.ts"
import { type CallerLines, callerLines } from "./Lines.ts"

/** Silence after the agent has finished, before the caller speaks, in milliseconds. */
const PAUSE_MS = 700

/** How long an answer is waited for. */
const PATIENCE_MS = 10_000

/** How often it is looked whose frame is due. */
const TICK_MS = 4

/** What the parent may ask for. */
export type CallersRequest =
  | { readonly ask: "place"; readonly url: string; readonly calls: number; readonly rampMs: number }
  | { readonly ask: "begin" }
  | { readonly ask: "read" }
  | { readonly ask: "hang up" }

/** What was seen since `begin`; times in milliseconds. */
export interface CallersReading {
  readonly open: number
  /** From the last frame of speech to the first of the answer. */
  readonly voiceToVoice: ReadonlyArray<number>
  readonly unanswered: number
  readonly lost: number
  /** How late frames were sent, 99th percentile and worst. */
  readonly lateness: { readonly p99: number; readonly max: number }
  readonly framesSent: number
  /** Messages with audio, their audio in milliseconds, and gaps heard within answers. */
  readonly messages: number
  readonly audioMs: number
  readonly underruns: number
  readonly talkShare: number
  readonly cpuMs: number
}

const seen = {
  voiceToVoice: [] as Array<number>,
  unanswered: 0,
  lost: 0,
  late: [] as Array<number>,
  framesSent: 0,
  speechFrames: 0,
  messages: 0,
  audioMs: 0,
  underruns: 0
}
let cpu = process.cpuUsage()

const reset = (): void => {
  seen.voiceToVoice = []
  seen.unanswered = 0
  seen.lost = 0
  seen.late = []
  seen.framesSent = 0
  seen.speechFrames = 0
  seen.messages = 0
  seen.audioMs = 0
  seen.underruns = 0
  cpu = process.cpuUsage()
}

interface Caller {
  readonly tick: (now: number) => void
  readonly hangUp: () => void
  readonly isOpen: () => boolean
}

const hex = (n: number): string => n.toString(16).padStart(32, "0")

const PAYLOAD = '"payload":"'

const makeCaller = (index: number, url: string, parameters: object, lines: CallerLines): Caller => {
  const streamSid = `MZ${hex(index + 1)}`
  const socket = new WebSocket(url, { perMessageDeflate: false })
  let open = false
  let ended = false
  let sequence = 2
  let chunk = 1
  let nextFrameAt = 0
  let startedAt = 0
  let quietAt = (index * 131) % lines.quiet.length
  let turn = index
  let saying: ReadonlyArray<string> | undefined
  let said = 0
  /** When the last sentence ended, while its answer is waited for. */
  let endedAt: number | undefined
  /** When what was received will have been played, and the marks that wait for it. */
  let lineEndsAt = 0
  let heard = false
  let marks: Array<{ readonly name: string; readonly at: number }> = []

  socket.on("error", () => {})
  socket.on("close", () => {
    open = false
    if (!ended) seen.lost++
  })
  socket.on("open", () => {
    socket.send(JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }))
    socket.send(
      JSON.stringify({
        event: "start",
        sequenceNumber: "1",
        start: {
          accountSid: `AC${hex(1)}`,
          streamSid,
          callSid: `CA${hex(index + 1)}`,
          tracks: ["inbound"],
          mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
          customParameters: parameters
        },
        streamSid
      })
    )
    open = true
    startedAt = performance.now()
    nextFrameAt = startedAt + FRAME_MS
    lineEndsAt = startedAt
  })
  socket.on("message", (data: Buffer) => {
    const now = performance.now()
    const text = data.toString("latin1")
    if (text.includes('"event":"media"')) {
      const at = text.indexOf(PAYLOAD) + PAYLOAD.length
      const characters = text.indexOf('"', at) - at
      const ms = ((characters * 3) / 4 - (text[at + characters - 1] === "=" ? 1 : 0)) / BYTES_PER_MS
      seen.messages++
      seen.audioMs += ms
      if (endedAt !== undefined) {
        seen.voiceToVoice.push(now - endedAt)
        endedAt = undefined
      } else if (now > lineEndsAt + 5 && now < lineEndsAt + 400 && heard) seen.underruns++
      heard = true
      lineEndsAt = Math.max(lineEndsAt, now) + ms
      return
    }
    const message = JSON.parse(text) as { event: string; mark?: { name: string } }
    if (message.event === "mark" && message.mark !== undefined) marks.push({ name: message.mark.name, at: lineEndsAt })
    if (message.event === "clear") {
      lineEndsAt = now
      marks = marks.map(({ name }) => ({ name, at: now }))
    }
  })

  const sendFrame = (payload: string): void => {
    socket.send(
      `{"event":"media","sequenceNumber":"${sequence++}","media":{"track":"inbound","chunk":"${chunk}","timestamp":"${
        chunk++ * FRAME_MS
      }","payload":"${payload}"},"streamSid":"${streamSid}"}`
    )
    seen.framesSent++
  }

  const tick = (now: number): void => {
    if (!open) return
    while (marks[0] !== undefined && marks[0].at <= now) {
      const name = marks.shift()?.name
      socket.send(JSON.stringify({ event: "mark", sequenceNumber: String(sequence++), streamSid, mark: { name } }))
      // An answer is over with its last mark.
      if (marks.length === 0) heard = now < lineEndsAt
    }
    while (nextFrameAt <= now) {
      seen.late.push(now - nextFrameAt)
      nextFrameAt += FRAME_MS
      if (saying === undefined) {
        const waiting = endedAt !== undefined && now - endedAt < PATIENCE_MS
        if (endedAt !== undefined && !waiting) {
          seen.unanswered++
          endedAt = undefined
        }
        if (!waiting && now > lineEndsAt + PAUSE_MS && lineEndsAt > startedAt && marks.length === 0) {
          saying = lines.utterances[turn++ % lines.utterances.length]
          said = 0
          heard = false
        }
      }
      const frame = saying?.[said++]
      if (frame === undefined) sendFrame(lines.quiet[quietAt++ % lines.quiet.length] ?? "")
      else {
        seen.speechFrames++
        sendFrame(frame)
      }
      if (saying !== undefined && said === saying.length) {
        saying = undefined
        endedAt = now
      }
    }
  }

  return {
    tick,
    isOpen: () => open,
    hangUp: () => {
      ended = true
      if (open) socket.send(JSON.stringify({ event: "stop", sequenceNumber: String(sequence), streamSid, stop: {} }))
      socket.close()
    }
  }
}

const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

/** Asks the server for its call document, and reads the stream's address and parameters out of it. */
const askForStream = async (
  url: string,
  index: number
): Promise<{ readonly url: string; readonly parameters: object }> => {
  const body = new URLSearchParams({ CallSid: `CA${hex(index + 1)}`, From: "+15005550006", To: "+15005550010" })
  const document = await (await fetch(new URL("/twiml", url), { method: "POST", body })).text()
  const stream = /<Stream url="([^"]+)"/.exec(document)?.[1]
  if (stream === undefined) throw new Error(`no stream in ${document}`)
  const { host } = new URL(url)
  return { url: `ws://${host}${new URL(stream).pathname}`, parameters: {} }
}

const lines = callerLines()
const callers: Array<Caller> = []

const place = async (url: string, calls: number, rampMs: number): Promise<void> => {
  const begun = performance.now()
  for (let n = 0; n < calls; n++) {
    const index = callers.length
    const stream = await askForStream(url, index)
    callers.push(makeCaller(index, stream.url, stream.parameters, lines))
    const wait = begun + ((n + 1) * rampMs) / calls - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
  }
}

setInterval(() => {
  for (const caller of callers) caller.tick(performance.now())
}, TICK_MS)

const read = (): CallersReading => {
  const used = process.cpuUsage(cpu)
  return {
    open: callers.filter((caller) => caller.isOpen()).length,
    voiceToVoice: seen.voiceToVoice,
    unanswered: seen.unanswered,
    lost: seen.lost,
    lateness: { p99: percentile(seen.late, 0.99), max: percentile(seen.late, 1) },
    framesSent: seen.framesSent,
    messages: seen.messages,
    audioMs: seen.audioMs,
    underruns: seen.underruns,
    talkShare: seen.speechFrames / Math.max(1, seen.framesSent),
    cpuMs: (used.user + used.system) / 1000
  }
}

const answer = async (request: CallersRequest): Promise<CallersReading | undefined> => {
  switch (request.ask) {
    case "place":
      await place(request.url, request.calls, request.rampMs)
      return undefined
    case "begin":
      reset()
      return undefined
    case "read":
      return read()
    case "hang up":
      for (const caller of callers.splice(0)) caller.hangUp()
      return undefined
  }
}

process.on("message", (request: CallersRequest) => {
  void answer(request).then(
    (reading) => process.send?.({ reading }),
    (error: unknown) => process.send?.({ error: String(error) })
  )
})
process.on("disconnect", () => process.exit())
process.send?.({ source: lines.source })
