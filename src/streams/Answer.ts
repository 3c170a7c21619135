/** A prompt in, the words of the model's answer out, tools being used on the way. Owns no voice and no history. */
import { Duration, Effect, Stream } from "effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import { type DeadlineSettings } from "../services/AppConfig.ts"
import { type CallTools } from "../services/CallTools.ts"
import { type PromptMessage } from "./Conversation.ts"
import { watchdog } from "./Watchdog.ts"

/** Times the model may use tools in one answer; then what it has said is the answer. */
const MAX_TOOL_ROUNDS = 4

/** Longest time a tool may take. */
const TOOL_DEADLINE = Duration.seconds(20)

/** The language model went quiet, or a tool that it waits for did. */
class AnswerQuiet {
  readonly _tag = "AnswerQuiet"
  readonly message: string
  constructor(what: "first" | "next" | "tool", waited: Duration.Duration) {
    const seconds = Duration.toSeconds(waited)
    switch (what) {
      case "first":
        this.message = `the language model gave no answer within ${seconds} s`
        break
      case "next":
        this.message = `the language model stopped in the middle of its answer for ${seconds} s`
        break
      case "tool":
        this.message = `a tool took longer than ${seconds} s`
    }
  }
}

/** What an answer is made with. */
export interface AnswerOptions {
  readonly model: LanguageModel.LanguageModel
  readonly tools: CallTools
  readonly prompt: ReadonlyArray<PromptMessage>
  readonly deadlines: DeadlineSettings
  /** A tool began to run, or none is running any more. */
  readonly onTool: (running: boolean) => Effect.Effect<void>
}

/**
 * The words of an answer, as they come; what the model thinks aloud is not among them.
 *
 * When it calls tools, it is asked again with their results, up to {@link MAX_TOOL_ROUNDS} times. A line break stands
 * between what it said before and after, so that the first is spoken while the tool runs.
 */
export const answerWords = (options: AnswerOptions): Stream.Stream<string, { readonly message: string }> => {
  const { deadlines, model, onTool, tools } = options

  const round = (prompt: Prompt.Prompt, roundsLeft: number): Stream.Stream<string, { readonly message: string }> =>
    Stream.suspend(() => {
      const parts: Array<Response.AnyPart> = []
      let running = 0
      let called = false

      const wordsOf = (part: Response.AnyPart): Effect.Effect<ReadonlyArray<string>> => {
        parts.push(part)
        switch (part.type) {
          case "text-delta":
            return Effect.succeed([part.delta])
          case "tool-call":
            called = true
            return running++ === 0 ? Effect.as(onTool(true), ["\n"]) : Effect.succeed([])
          case "tool-result":
            return --running === 0 ? Effect.as(onTool(false), []) : Effect.succeed([])
          default:
            return Effect.succeed([])
        }
      }

      const words = tools.ask(model, prompt).pipe(
        watchdog(
          { first: deadlines.firstToken, next: () => (running > 0 ? TOOL_DEADLINE : deadlines.stall) },
          (phase) => {
            if (phase === "first") return new AnswerQuiet(phase, deadlines.firstToken)
            return running > 0 ? new AnswerQuiet("tool", TOOL_DEADLINE) : new AnswerQuiet(phase, deadlines.stall)
          }
        ),
        Stream.mapEffect(wordsOf),
        Stream.flattenIterable
      )
      const after = Stream.suspend(() =>
        called && roundsLeft > 0
          ? round(Prompt.concat(prompt, Prompt.fromResponseParts(parts)), roundsLeft - 1)
          : Stream.empty
      )
      return Stream.concat(words, after)
    })

  return round(Prompt.make([...options.prompt]), MAX_TOOL_ROUNDS)
}
