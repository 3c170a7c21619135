/** What the agent is to say and when it is to stop in, its replies and the conversation as the caller heard it out. Owns no decision about who speaks; one reply is `Reply`'s. */
import { Cause, Deferred, Effect, FiberMap, FiberSet, type Scope } from "effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import { type Persona } from "../schema/Persona.ts"
import { type ReplyCue, type StopReason, type TurnInput } from "../schema/Turn.ts"
import { type CallTools } from "../services/CallTools.ts"
import { answerWords } from "./Answer.ts"
import { type Message, promptFor, said } from "./Conversation.ts"
import { type Playout } from "./Playout.ts"
import { fixedReply, reply, type ReplyOptions, type Saying } from "./Reply.ts"

/** What all replies of a call have in common. */
type CommonOptions = Pick<ReplyOptions<never>, "speech" | "kept" | "phrases" | "deadlines" | "tell" | "failed">

/** What a call's replies stand on, and who is told what becomes of them. */
export interface RepliesOptions extends CommonOptions {
  readonly persona: Persona
  readonly model: LanguageModel.LanguageModel
  readonly tools: CallTools
  readonly playout: Playout
  readonly offer: (input: TurnInput) => Effect.Effect<void>
}

/** The agent's replies in one call, by epoch. Mutable. */
export interface Replies {
  /** Has a reply made; its audio is held until playout is to release it. */
  readonly start: (epoch: number, cue: ReplyCue) => Effect.Effect<void>
  /** The caller has waited long enough for this answer to be told that it is coming. */
  readonly fill: (epoch: number) => Effect.Effect<void>
  /** Stops a reply: the line is cleared before anything else; what made it is let go of meanwhile. */
  readonly stop: (epoch: number, reason: StopReason) => Effect.Effect<void>
  /** A reply is off the line, at its own end; `record`: it was part of the conversation. */
  readonly over: (epoch: number, record: boolean) => Effect.Effect<void>
  /** What the agent said last, as far as it was heard; "" if it has said nothing yet. */
  readonly lastSaid: () => string
}

/** An answer in the making: the caller's words that it answers, and what is done when a filler is wanted. */
interface Answering {
  readonly words: string
  readonly fillerWanted: Deferred.Deferred<void>
}

/** Whether a reply stopped for this reason, and what it answers, were part of the conversation. */
const wasSaid = (reason: StopReason): boolean =>
  reason === "barge-in" || reason === "key pressed" || reason === "time up"

/** What is said without asking the model. */
const fixedText = (
  { persona, phrases }: Pick<RepliesOptions, "persona" | "phrases">,
  cue: Exclude<ReplyCue, { readonly _tag: "Answer" }>
): string => {
  switch (cue._tag) {
    case "Greeting":
      return persona.greeting
    case "AskAgain":
      return phrases.askAgain
    case "Apology":
      return phrases.noAnswer
    case "GiveUp":
      return phrases.giveUp
    case "StillThere":
      return phrases.stillThere
    case "NobodyThere":
      return phrases.nobodyThere
    case "TimeWarning":
      return phrases.timeWarning
    case "TimeUp":
      return phrases.timeUp
  }
}

/** No replies yet; none is left when the scope closes. */
export const makeReplies = Effect.fnUntraced(function* (
  options: RepliesOptions
): Effect.fn.Return<Replies, never, Scope.Scope> {
  const { deadlines, failed, kept, model, offer, persona, phrases, playout, speech, tell, tools } = options
  const speaking = yield* FiberMap.make<number>()
  const lettingGo = yield* FiberSet.make()
  const answering = new Map<number, Answering>()
  let history: ReadonlyArray<Message> = []

  const answer = (common: Omit<ReplyOptions<never>, "words">, words: string): Effect.Effect<Saying> => {
    const { epoch } = common
    const fillerWanted = Deferred.makeUnsafe<void>()
    answering.set(epoch, { words, fillerWanted })
    return reply({
      ...common,
      fillerWanted: Deferred.await(fillerWanted),
      words: answerWords({
        model,
        tools,
        prompt: promptFor(persona.prompt, history, words),
        deadlines,
        onTool: (running) => offer({ _tag: "Tool", epoch, running })
      })
    })
  }

  const start = Effect.fnUntraced(function* (epoch: number, cue: ReplyCue) {
    const common = {
      epoch,
      speech,
      kept,
      playout: yield* playout.begin(epoch),
      phrases,
      deadlines,
      tell,
      failed,
      news: {
        onAudible: offer({ _tag: "Audible", epoch }),
        onFiller: offer({ _tag: "Audible", epoch, filler: true }),
        onEnding: offer({ _tag: "Ending", epoch })
      }
    }
    const saying = cue._tag === "Answer" ? answer(common, cue.text) : fixedReply(common, fixedText(options, cue))
    yield* FiberMap.run(
      speaking,
      epoch,
      saying.pipe(
        Effect.catchCause((cause) =>
          Effect.as(Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("A reply failed", cause), {
            said: false
          })
        ),
        Effect.flatMap(({ said }) =>
          offer(said ? { _tag: "Finished", epoch } : { _tag: "Finished", epoch, failed: true })
        )
      )
    )
  })

  /** Writes down what was said once a reply is off the line. */
  const over = Effect.fnUntraced(function* (epoch: number, record: boolean) {
    const { answer, ...heard } = yield* playout.stop(epoch)
    const question = answering.get(epoch)?.words
    answering.delete(epoch)
    if (record) {
      history = said(history, ...(question === undefined ? [] : [{ role: "user" as const, text: question }]), {
        role: "assistant",
        text: answer
      })
    }
    if (record || heard.playedMs > 0) yield* tell({ _tag: "Heard", epoch, ...heard })
  })

  return {
    start,
    fill: (epoch) =>
      Effect.sync(() => {
        const wanted = answering.get(epoch)?.fillerWanted
        if (wanted !== undefined) Deferred.doneUnsafe(wanted, Effect.void)
      }),
    stop: (epoch, reason) =>
      Effect.andThen(over(epoch, wasSaid(reason)), FiberSet.run(lettingGo, FiberMap.remove(speaking, epoch))),
    over,
    lastSaid: () => history.findLast((message) => message.role === "assistant")?.text ?? ""
  }
})
