/** What reads the network, as functions from chance to nothing: each reads one input and throws when something is not as it must be. */
import { Effect, Result, Stream } from "effect"
import { TextToSpeechError } from "../src/schema/Errors.ts"
import { decodeServerMessage as decodeStt } from "../src/schema/TogetherStt.ts"
import { decodeEvents } from "../src/layers/TogetherChatEvents.ts"
import * as Chat from "../src/layers/TogetherChatStream.ts"
import { makeDialogue } from "../src/layers/TogetherSttDialogue.ts"
import { initialHabits } from "../src/layers/TogetherTtsContext.ts"
import * as TtsReply from "../src/layers/TogetherTtsReply.ts"
import * as TtsReplyState from "../src/layers/TogetherTtsReplyState.ts"
import { TtsRouting } from "../src/layers/TogetherTtsRouting.ts"
import { decodeFrame } from "../src/streams/DecodeFrames.ts"
import { decodeMulawBase64 } from "../src/streams/Mulaw.ts"
import * as Sentences from "../src/streams/Sentences.ts"
import * as Speakable from "../src/streams/SpeakableText.ts"
import * as VoiceWindows from "../src/streams/VoiceWindows.ts"
import * as Wav from "../src/streams/Wav.ts"
import { hangUp, listen, say, sendRaw } from "../src/testing/CallerScript.ts"
import { simulate } from "../src/testing/Simulation.ts"
import { spoken } from "../src/testing/WordSound.ts"
import { bytesFrom, type Chance, piecesOf, textFrom } from "./FuzzInputs.ts"

/** One thing to read inputs. */
export interface Target {
  readonly name: string
  /** Share of all inputs, in parts of a hundred. */
  readonly share: number
  /** Reads one input, or as many as it tells. */
  readonly read: (chance: Chance) => void | Promise<number>
}

const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}

// ---------------------------------------------------------------------------------------------------------------
// the carrier
// ---------------------------------------------------------------------------------------------------------------

const payload = Buffer.alloc(160, 0x7e).toString("base64")
const frames = [
  '{"event":"connected","protocol":"Call","version":"1.0.0"}',
  '{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"a":"b"}}}',
  `{"event":"media","sequenceNumber":"3","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"${payload}"}}`,
  '{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"1:end"}}',
  '{"event":"dtmf","sequenceNumber":"5","streamSid":"MZ1","dtmf":{"track":"inbound","digit":"5"}}',
  '{"event":"stop","sequenceNumber":"6","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}',
  '{"event":"news","streamSid":"MZ1"}'
]

const carrierFrame = (): Target["read"] => {
  let windows = VoiceWindows.initial
  return (chance) => {
    const decoded = decodeFrame(textFrom(chance, frames))
    if (decoded._tag !== "Frame" || decoded.frame.event !== "media") return
    const { payload, timestamp } = decoded.frame.media
    const samples = decodeMulawBase64(payload)
    must(samples.length <= payload.length, "more samples than bytes")
    const [next, complete] = VoiceWindows.step(windows, { atMs: timestamp, samples })
    windows = next
    must(complete.length <= samples.length / 256 + 1, "more windows than samples")
  }
}

/** Frames of one call. */
const CALL_FRAMES = 100

/** A whole call that is sent such frames in the middle of a conversation; not its end, or there would be nothing to see. */
const wholeCall = async (chance: Chance): Promise<number> => {
  const odd = Array.from({ length: CALL_FRAMES }, () => textFrom(chance, frames)).filter(
    (text) => !text.includes("stop") && !text.includes("media")
  )
  const report = await Effect.runPromise(
    simulate({
      script: [odd.map(sendRaw), say(spoken("Are you still there?")), listen(), hangUp],
      services: { languageModel: { replies: ["Yes, I am."] } },
      limit: "5 minutes"
    })
  )
  must(report.remains.fibers === 0, `${report.remains.fibers} fibers were left over`)
  must(!report.log.some(({ level }) => level === "Error" || level === "Fatal"), JSON.stringify(report.log))
  return Math.max(1, odd.length)
}

// ---------------------------------------------------------------------------------------------------------------
// the language model
// ---------------------------------------------------------------------------------------------------------------

const chunk = (delta: unknown, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta, finish_reason: finish }], usage: null })}\n\n`

const call = { index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":' } }
const completions = [
  `${chunk({ role: "assistant", content: "Hello" })}${chunk({ content: " there." })}${chunk({}, "stop")}data: [DONE]\n\n`,
  `: hello\n\nretry: 3000\n\n${chunk({ content: "Hi" })}${chunk({ reasoning: "hm" })}${chunk({}, "length")}data: [DONE]\n\n`,
  `${chunk({ tool_calls: [call] })}${chunk({ tool_calls: [{ index: 0, function: { arguments: '"Rome"}' } }] })}${chunk({}, "tool_calls")}data: [DONE]\n\n`,
  `${chunk({ content: '<tool_call>{"name":"weather","arguments":{"city":"Rome"}}</tool_call>' })}${chunk({}, "stop")}`,
  `${chunk({ content: '{"name": "weather", "parameters": {"city": "Rome"}}' })}${chunk({}, "eos")}data: [DONE]\n\n`,
  'data: {"error":{"message":"no","type":"server_error","code":500}}\n\ndata: [DONE]\n\n',
  'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\r\n\r\n'
]

const endpoint = { model: "m", url: "http://127.0.0.1/v1/chat/completions" }

const completion: Target["read"] = (chance) => {
  const bytes = new TextEncoder().encode(textFrom(chance, completions))
  const inputs = Effect.runSync(Stream.runCollect(decodeEvents(Stream.fromIterable(piecesOf(chance, bytes)))))
  let state = Chat.initial({ endpoint, id: "r", json: chance.below(4) === 0, tools: new Set(["weather"]) })
  const outputs: Array<Chat.ChatOutput> = []
  for (const input of inputs) {
    const [next, made] = Chat.step(state, input)
    state = next
    outputs.push(...made)
  }
  outputs.push(...Chat.onHalt(state))
  const ends = outputs.filter(
    (output) => output._tag === "Failure" || (output._tag === "Part" && output.part.type === "finish")
  )
  must(ends.length === 1, `a reply has ${ends.length} ends`)
  must(outputs.length <= 10 * bytes.length + 10, "more parts than bytes")
}

const prose = [
  "Sure! I'd be happy to help. Dr. Smith is in at 5 p.m. on Mon. 3.5. It costs $4.99, e.g. for two.",
  "1. First\n2. **Second**\n- third `code` and [a link](http://example.com).\n\n| a | b |\n|---|---|\n",
  "```js\nconst a = 1\n```\n> quoted\n# Heading\n~~~\n",
  "你好，我很高兴。请告诉我您的订单号码好吗？Grüße… «Non!» — مرحبا؟",
  "and then we went on to the next place and so on ".repeat(8),
  "Mail bob@example.com or see https://example.com/a.b?c=d. 10:30, 50%, 3/4, -7°C, a&b, x^2, #1!"
]

const talk: Target["read"] = (chance) => {
  const text = textFrom(chance, prose)
  let state = Sentences.initial()
  let speakable = Speakable.initial()
  const pieces: Array<string> = []
  for (const part of piecesOf(chance, text)) {
    const [next, given] = Sentences.step(state, part)
    state = next
    pieces.push(...given)
  }
  pieces.push(...Sentences.flush(state))
  const bare = (written: string): string => written.replace(/\s/g, "")
  must(bare(pieces.join("")) === bare(text), "sentences are not the text")
  for (const piece of pieces) {
    const [next, said] = Speakable.step(speakable, piece)
    speakable = next
    must(said.join("").length <= 40 * piece.length + 40, "far more is said than was written")
  }
}

// ---------------------------------------------------------------------------------------------------------------
// recognition and synthesis
// ---------------------------------------------------------------------------------------------------------------

const sttPrefix = "conversation.item.input_audio_transcription"
const sttMessages = [
  '{"type":"session.created","session":{"id":"s"}}',
  `{"type":"${sttPrefix}.delta","item_id":"i1","delta":"hello"}`,
  `{"type":"${sttPrefix}.completed","item_id":"i1","transcript":"Hello there."}`,
  `{"type":"${sttPrefix}.failed","item_id":"i1","event_type":"${sttPrefix}.completed","error":{"message":"no","code":"server_error"}}`,
  '{"type":"error","error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}',
  '{"type":"something.else"}'
]

/** Most segments that may be open in the dialogue that is tried. */
const SEGMENTS = 50

const recognition = (): Target["read"] => {
  const make = () => {
    let interims = 0
    return { dialogue: makeDialogue(() => void interims++), last: 0, asked: new Map<number, unknown>(), sent: 0 }
  }
  let session = make()
  return (chance) => {
    const { below } = chance
    if (session.last >= SEGMENTS) session = make()
    const { dialogue } = session
    switch (below(8)) {
      case 0:
        dialogue.append(below(3) === 0 ? ++session.last : session.last, new Int16Array(below(400)))
        break
      case 1:
        dialogue.end(session.last)
        break
      case 2:
        dialogue.discard(Math.max(0, session.last - below(3)))
        break
      case 3:
        if (below(2) === 0) dialogue.detach()
        else dialogue.attach({ append: () => void session.sent++, commit: () => void session.sent++ })
        break
    }
    const decoded = decodeStt(textFrom(chance, sttMessages))
    if (decoded._tag === "None") return
    const message = decoded.value
    switch (message.type) {
      case `${sttPrefix}.delta`:
        return dialogue.interim(message.item_id, message.delta ?? "")
      case `${sttPrefix}.completed`:
        return void dialogue.answer(message.item_id, Effect.succeed(message.transcript ?? ""))
      case `${sttPrefix}.failed`:
        return void dialogue.fail(message.item_id, gone as never)
    }
  }
}

const gone = new TextToSpeechError({ reason: "Disconnected", message: "gone" })

const pcm = Buffer.alloc(480, 3).toString("base64")
const ttsMessages = [
  '{"type":"session.created","session":{"id":"s"}}',
  `{"type":"conversation.item.audio_output.delta","item_id":"t1","context_id":"r1.1","delta":"${pcm}"}`,
  `{"type":"conversation.item.audio_output.delta","item_id":"t1","delta":"UklGRiQAAABXQVZFZm10IBAAAAABAAEAwF0AAIC7AAACABAAZGF0YQAAAAA="}`,
  '{"type":"conversation.item.audio_output.done","item_id":"t1","context_id":"r1.1"}',
  '{"type":"conversation.item.tts.failed","item_id":"t1","context_id":"r1.1","error":{"message":"no","type":"x","param":null,"code":"server_error"}}',
  '{"type":"context.cancelled","context_id":"r1.1"}',
  '{"type":"error","error":{"message":"no","code":"invalid_request_error"}}',
  '{"type":"something.else"}'
]

/** Inputs that one reply is tried with. */
const REPLY_INPUTS = 60

const synthesis = (): Target["read"] => {
  const told: Array<TtsReplyState.ReplyInput> = []
  const inbox = (input: TtsReplyState.ReplyInput): void => void told.push(input)
  const begin = () => {
    const routing = new TtsRouting({ baseUrl: new URL("http://127.0.0.1/v1"), ttsModel: "m", ttsVoice: "v" })
    routing.add(inbox)
    return { routing, state: TtsReplyState.initial("r1", initialHabits), inputs: 0, nowMs: 0 }
  }
  let session = begin()
  const take = (input: TtsReplyState.ReplyInput): boolean => {
    const [next, outputs] = TtsReply.step(session.state, input, session.nowMs, TtsReplyState.defaultPatience)
    session.state = next
    let over = false
    for (const output of outputs) {
      if (output._tag === "Say") session.routing.open(output.context, inbox, 0)
      if (output._tag === "Emit") must(output.audio.samples.length < 1e6, "a piece of speech has no end")
      over ||= output._tag === "Ended" || output._tag === "Failed"
    }
    must(next.waiting.length <= REPLY_INPUTS, "sentences pile up")
    return over
  }
  return (chance) => {
    const { below } = chance
    if (session.inputs++ >= REPLY_INPUTS) session = begin()
    session.nowMs += below(400)
    let over = false
    switch (below(6)) {
      case 0:
        over = take({ _tag: "Text", text: textFrom(chance, prose) })
        break
      case 1:
        over = take(below(3) === 0 ? { _tag: "Disconnected", error: gone } : { _tag: "Connected" })
        break
      case 2:
        over = take(below(9) === 0 ? { _tag: "TextEnded" } : { _tag: "Clock" })
        break
    }
    const bytes = below(20) === 0 ? bytesFrom(chance, wavs()) : undefined
    session.routing.receive(bytes ?? textFrom(chance, ttsMessages))
    for (const input of told.splice(0)) over = take(input) || over
    if (over) session = begin()
  }
}

const tone = Int16Array.from({ length: 40 }, (_, n) => 1000 * (n % 5))
let madeWavs: ReadonlyArray<Uint8Array> | undefined
const wavs = (): ReadonlyArray<Uint8Array> => (madeWavs ??= makeWavs())

const makeWavs = (): ReadonlyArray<Uint8Array> => {
  const plain = Wav.encodeWav({ channels: [tone], sampleRate: 24_000 })
  const stereo = Wav.encodeWav({ channels: [tone, tone], sampleRate: 44_100 })
  const mulaw = Uint8Array.from(plain)
  new DataView(mulaw.buffer).setUint16(20, 7, true)
  new DataView(mulaw.buffer).setUint16(34, 8, true)
  const list = Uint8Array.from([
    ...plain.subarray(0, 36),
    0x4c,
    0x49,
    0x53,
    0x54,
    4,
    0,
    0,
    0,
    1,
    2,
    3,
    4,
    ...plain.subarray(36)
  ])
  return [
    plain,
    stereo,
    mulaw,
    list,
    Uint8Array.from([...plain, ...stereo]),
    Uint8Array.from({ length: 61 }, (_, n) => n * 7)
  ]
}

const wav: Target["read"] = (chance) => {
  const bytes = bytesFrom(chance, wavs())
  let state = Wav.initial(24_000)
  let samples = 0
  for (const piece of piecesOf(chance, bytes)) {
    const result = Wav.step(state, piece)
    if (Result.isFailure(result)) return
    const [next, audio] = result.success
    state = next
    for (const each of audio) samples += each.samples.length
    must(
      state.held.length <= Math.max(64, 2 * (state.format?.channels ?? 1)),
      `${state.held.length} bytes are held back`
    )
  }
  Wav.end(state)
  must(samples <= bytes.length, "more samples than bytes")
  Wav.decodeWav(bytes)
}

/** Everything that reads what others send; each target keeps its own state. */
export const makeTargets = (): ReadonlyArray<Target> => [
  { name: "carrier frames", share: 22, read: carrierFrame() },
  { name: "whole calls", share: 1, read: wholeCall },
  { name: "WAV", share: 20, read: wav },
  { name: "completion streams", share: 12, read: completion },
  { name: "recognition messages", share: 17, read: recognition() },
  { name: "synthesis messages", share: 16, read: synthesis() },
  { name: "sentences", share: 12, read: talk }
]
