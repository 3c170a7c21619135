/** Reads a completion's event stream: bytes, however they are cut, in; chunks out. Decides when the stream is over, not what the chunks mean. */
import { Cause, Effect, Result, Schema, Stream } from "effect"
import * as AiError from "effect/ai/AiError"
import { Sse } from "effect/encoding"
import { CHAT_DONE, ChatChunk } from "../schema/TogetherChat.ts"
import { type ChatInput } from "./TogetherChatStream.ts"

/** Largest event taken, in characters: a chunk holds a few words. */
const MAX_EVENT = 1024 * 1024

/** Wait for more chunks once the model has said that it is finished, in milliseconds. */
const FINISH_GRACE_MS = 500

/** Wait for the end of the response after its last event, in milliseconds: read to its end, the connection can be used again. */
const DONE_GRACE_MS = 100

/** Bytes to chunks. What is not a chunk comes out as `Failed`; comments, event names and retry hints do not matter. */
export const decodeEvents = <E, R>(self: Stream.Stream<Uint8Array, E, R>): Stream.Stream<ChatInput, E, R> =>
  Stream.mapAccum(self, makeFeed, (feed, bytes) => [feed, feed(bytes)])

/**
 * Ends the stream soon after the model has finished, whether or not the service closes it.
 *
 * The deadline is on the Clock, and begins anew with every chunk.
 */
export const endAfterFinish = <E, R>(self: Stream.Stream<ChatInput, E, R>): Stream.Stream<ChatInput, E, R> =>
  Stream.transformPull(self, (pull) =>
    Effect.sync(() => {
      let grace: number | undefined
      return Effect.suspend(() =>
        grace === undefined ? pull : Effect.timeoutOrElse(pull, { duration: grace, orElse: () => Cause.done() })
      ).pipe(
        Effect.tap((inputs) => {
          for (const input of inputs) grace = graceAfter(input) ?? grace
          return Effect.void
        })
      )
    })
  )

const graceAfter = (input: ChatInput): number | undefined => {
  switch (input._tag) {
    case "Chunk":
      return input.chunk.choices?.some((choice) => choice.finish_reason) ? FINISH_GRACE_MS : undefined
    case "Done":
    case "Failed":
      return DONE_GRACE_MS
  }
}

/** A parser of its own, for one stream. The ready-made channel fails at a `retry:` line, which vendors may send. */
const makeFeed = (): ((bytes: Uint8Array) => ReadonlyArray<ChatInput>) => {
  const decoder = new TextDecoder()
  let inputs: Array<ChatInput> = []
  const parser = Sse.makeParser(
    (event) => {
      if (event._tag === "Event") inputs.push(decodeEvent(event.data))
    },
    { maxEventSize: MAX_EVENT }
  )
  return (bytes) => {
    inputs = []
    const tooLarge = parser.feed(decoder.decode(bytes, { stream: true }))
    return tooLarge === undefined ? inputs : [...inputs, malformed(`an event larger than ${MAX_EVENT} characters`)]
  }
}

const decodeChunk = Schema.decodeUnknownResult(ChatChunk)

const decodeEvent = (data: string): ChatInput => {
  if (data.trim() === CHAT_DONE) return { _tag: "Done" }
  const json = Result.try((): unknown => JSON.parse(data))
  if (Result.isFailure(json)) return malformed("an event that is not JSON")
  const chunk = decodeChunk(json.success)
  return Result.isFailure(chunk)
    ? malformed("an event that is not a chunk of a completion")
    : { _tag: "Chunk", chunk: chunk.success }
}

const malformed = (what: string): ChatInput => ({
  _tag: "Failed",
  reason: new AiError.InvalidResponseError({ description: `The service sent ${what}.` })
})
