/** Recognition and synthesis services that do whatever a test says: the product's own clients on sockets that are nowhere connected. */
import { Layer } from "effect"
import { Socket } from "effect/socket"
import * as TogetherSpeechToText from "../../src/layers/TogetherSpeechToText.ts"
import * as TogetherTextToSpeech from "../../src/layers/TogetherTextToSpeech.ts"
import { AppConfig } from "../../src/services/AppConfig.ts"
import { type SpeechToText } from "../../src/services/SpeechToText.ts"
import { type TextToSpeech } from "../../src/services/TextToSpeech.ts"
import { configOf } from "../../src/testing/SimulatedServices.ts"
import { wordsIn } from "../../src/testing/WordHearing.ts"
import { lexiconOf, soundOf } from "../../src/testing/WordSound.ts"
import { questions } from "./FaultCall.ts"

/** What a client sends, as far as it matters here. */
interface ClientFrame {
  readonly type: string
  readonly audio?: string
  readonly text?: string
  readonly context_id?: string
}

/** The service's end of a socket. */
export class ServiceSocket implements Socket.WebSocketLike {
  readyState = 0
  readonly #receive: (frame: ClientFrame) => void
  readonly #listeners = new Map<string, Set<(event: Socket.WebSocketEvent) => void>>()

  constructor(receive: (socket: ServiceSocket, frame: ClientFrame) => void) {
    this.#receive = (frame) => receive(this, frame)
  }

  addEventListener(type: string, listener: (event: Socket.WebSocketEvent) => void): void {
    this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener))
  }
  removeEventListener(type: string, listener: (event: Socket.WebSocketEvent) => void): void {
    this.#listeners.get(type)?.delete(listener)
  }
  close(): void {
    this.readyState = 3
  }
  send(data: string | Uint8Array): void {
    const frame = JSON.parse(String(data))
    setImmediate(() => this.readyState === 1 && this.#receive(frame))
  }

  #tell(type: string, event: object): void {
    for (const listener of Array.from(this.#listeners.get(type) ?? [])) listener({ type, ...event })
  }

  /** The connection is made; `greeted`: and the session is there. */
  open(greeted = true): void {
    this.readyState = 1
    this.#tell("open", {})
    if (greeted) this.say({ type: "session.created" })
  }
  /** The connection cannot be made: an HTTP status, or a code of the system. */
  refuse(why: number | string): void {
    this.readyState = 3
    const error =
      typeof why === "number"
        ? new Error(`Unexpected server response: ${why}`)
        : Object.assign(new Error(`connect ${why}`), { code: why })
    this.#tell("error", { error })
  }
  say(message: object | string): void {
    this.#tell("message", { data: typeof message === "string" ? message : JSON.stringify(message) })
  }
  end(code: number): void {
    this.readyState = 3
    this.#tell("close", { code, reason: "" })
  }
}

const sockets = (
  dialled: (socket: ServiceSocket, connection: number) => void,
  receive: (socket: ServiceSocket, frame: ClientFrame) => void
) => {
  let connections = 0
  return Layer.succeed(Socket.WebSocketConstructor, () => {
    const socket = new ServiceSocket(receive)
    const connection = connections++
    setImmediate(() => dialled(socket, connection))
    return socket
  })
}

const config = Layer.succeed(AppConfig, configOf({ services: { languageModel: { replies: [] } } }))

/** A sentence to be spoken, and the ways to do that. */
export interface Utterance {
  readonly socket: ServiceSocket
  /** Position among all sentences, from 0. */
  readonly number: number
  readonly text: string
  /** 24 kHz, little-endian. */
  readonly pcm: Uint8Array
  readonly audio: (bytes: Uint8Array) => void
  readonly done: () => void
}

/** Speaks a sentence as it should be. */
export const speak = ({ audio, done, pcm }: Utterance): void => {
  audio(pcm)
  done()
}

/** What a service does; what is left out works well. */
export interface VoiceFaults {
  readonly dialled?: (socket: ServiceSocket, connection: number) => void
  readonly spoken?: (utterance: Utterance) => void
}

/** The voice of a call. */
export const faultyVoice = ({
  dialled = (socket) => socket.open(),
  spoken = speak
}: VoiceFaults): Layer.Layer<TextToSpeech> => {
  const texts = new Map<string, string>()
  let number = 0
  const receive = (socket: ServiceSocket, { context_id = "default", text = "", type }: ClientFrame): void => {
    if (type === "input_text_buffer.append") texts.set(context_id, (texts.get(context_id) ?? "") + text)
    if (type === "context.cancel") socket.say({ type: "context.cancelled", context_id })
    if (type !== "input_text_buffer.commit") return
    const said = texts.get(context_id) ?? ""
    texts.delete(context_id)
    const samples = soundOf(said, { sampleRate: 24_000 })
    const about = { item_id: `tts_${number}`, context_id }
    spoken({
      socket,
      number: number++,
      text: said,
      pcm: new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength),
      audio: (bytes) =>
        socket.say({
          type: "conversation.item.audio_output.delta",
          ...about,
          delta: Buffer.from(bytes).toString("base64")
        }),
      done: () => socket.say({ type: "conversation.item.audio_output.done", ...about })
    })
  }
  return TogetherTextToSpeech.layer.pipe(Layer.provide([sockets(dialled, receive), config]))
}

/** A segment to be recognised, and the ways to do that. */
export interface Segment {
  readonly socket: ServiceSocket
  /** Position among all commits, from 0. */
  readonly number: number
  readonly item: string
  readonly words: string
  readonly answer: (words: string, item?: string) => void
}

/** What a service does; what is left out works well. */
export interface RecogniserFaults {
  readonly dialled?: (socket: ServiceSocket, connection: number) => void
  /** Audio comes; number of the piece on this connection, from 0. */
  readonly audible?: (socket: ServiceSocket, piece: number) => void
  readonly recognised?: (segment: Segment) => void
}

const lexicon = lexiconOf(...questions)

/** The recogniser of a call. */
export const faultyRecogniser = ({
  audible = () => {},
  dialled = (socket) => socket.open(),
  recognised = ({ answer, words }) => answer(words)
}: RecogniserFaults): Layer.Layer<SpeechToText> => {
  const heard = new Map<ServiceSocket, Array<Buffer>>()
  let number = 0
  const receive = (socket: ServiceSocket, { audio, type }: ClientFrame): void => {
    const pieces = heard.get(socket) ?? []
    heard.set(socket, pieces)
    if (type === "input_audio_buffer.append") {
      pieces.push(Buffer.from(audio ?? "", "base64"))
      audible(socket, pieces.length - 1)
    }
    if (type === "input_audio_buffer.clear") heard.delete(socket)
    if (type !== "input_audio_buffer.commit") return
    const bytes = Buffer.concat(pieces)
    heard.delete(socket)
    const samples = Int16Array.from({ length: bytes.length >> 1 }, (_, n) => bytes.readInt16LE(2 * n))
    const item = `item_${number}`
    recognised({
      socket,
      number: number++,
      item,
      words: wordsIn(samples, lexicon, 16_000).join(" "),
      answer: (transcript, item_id = item) =>
        socket.say({ type: "conversation.item.input_audio_transcription.completed", item_id, transcript })
    })
  }
  return TogetherSpeechToText.layer.pipe(Layer.provide([sockets(dialled, receive), config]))
}
