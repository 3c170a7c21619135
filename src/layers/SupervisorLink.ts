/** The end of a process that holds calls of its link to the one that has started it: questions and news out, answers, connections and orders in. Owns no call and no connection. */
import { type Cause, Context, Deferred, Effect, Queue } from "effect"
import { type Socket } from "node:net"
import { type CallEvent } from "../schema/CallEvent.ts"
import { type Answers, type FromWorker, type Question, type ToWorker } from "./ProcessMessages.ts"

type QuestionOf<Tag extends Question["_tag"]> = Extract<Question, { readonly _tag: Tag }>

/** The link. */
export interface SupervisorLink {
  readonly tell: (message: FromWorker) => void
  /** Asks and waits for the answer. When the link is gone there is none: the process is about to end. */
  readonly ask: <Tag extends Question["_tag"]>(question: QuestionOf<Tag>) => Effect.Effect<Answers[Tag]>
  /** Takes connections from now on. */
  readonly onConnection: (accept: (socket: Socket) => void) => void
  /** Is asked to watch calls from now on: what happens in one of them, and words for it. */
  readonly onOrder: (
    take: (order: Extract<ToWorker, { readonly _tag: "Watch" | "Unwatch" | "TypeHere" }>) => void
  ) => void
  /** What happens in a call that another process holds. */
  readonly watch: (callSid: string, events: Queue.Queue<CallEvent, Cause.Done>) => () => void
  readonly isLeaving: () => boolean
  /** Waits until it is to end, or the link is gone. */
  readonly stopped: Effect.Effect<void>
}

/** The link as a service; only processes that were started by another one have it. */
export const SupervisorLink = Context.Service<SupervisorLink>("parley/layers/SupervisorLink")

/** What a process offers to talk to the one that has started it. */
export interface Channel {
  readonly send: (message: FromWorker) => void
  readonly on: {
    (event: "message", listener: (message: ToWorker, handle?: unknown) => void): unknown
    (event: "disconnect", listener: () => void): unknown
  }
}

const isSocket = (handle: unknown): handle is Socket =>
  typeof handle === "object" && handle !== null && "remoteAddress" in handle

/** Listens to the channel from now on, for the life of the process. */
export const makeSupervisorLink = (channel: Channel): SupervisorLink => {
  const answers = new Map<number, (answer: Answers[Question["_tag"]]) => void>()
  const watches = new Map<number, Queue.Queue<CallEvent, Cause.Done>>()
  const stopped = Deferred.makeUnsafe<void>()
  let asked = 0
  let watched = 0
  let leaving = false
  let accept: ((socket: Socket) => void) | undefined
  let takeOrder: Parameters<SupervisorLink["onOrder"]>[0] | undefined

  const tell = channel.send

  const receive = (message: ToWorker, handle: unknown): void => {
    switch (message._tag) {
      case "Connection": {
        // The peer may have gone while the connection was handed over.
        if (!isSocket(handle)) return tell({ _tag: "Closed" })
        handle.once("close", () => tell({ _tag: "Closed" }))
        return accept === undefined ? void handle.destroy() : accept(handle)
      }
      case "Answer":
        answers.get(message.id)?.(message.answer)
        return void answers.delete(message.id)
      case "Leaving":
        leaving = true
        return
      case "Stop":
        return void Deferred.doneUnsafe(stopped, Effect.void)
      case "Watched": {
        const queue = watches.get(message.watch)
        if (queue === undefined) return
        if (message.event === undefined) Queue.endUnsafe(queue)
        else Queue.offerUnsafe(queue, message.event)
        return
      }
      default:
        return takeOrder?.(message)
    }
  }
  channel.on("message", receive)
  channel.on("disconnect", () => void Deferred.doneUnsafe(stopped, Effect.void))

  return {
    tell,
    ask: <Tag extends Question["_tag"]>(question: QuestionOf<Tag>) =>
      Effect.callback<Answers[Tag]>((resume) => {
        const id = ++asked
        // The answer to a question of this kind is of its kind.
        answers.set(id, (answer) => resume(Effect.succeed(answer as Answers[Tag])))
        tell({ _tag: "Ask", id, question })
        return Effect.sync(() => void answers.delete(id))
      }),
    onConnection: (take) => {
      accept = take
    },
    onOrder: (take) => {
      takeOrder = take
    },
    watch: (callSid, events) => {
      const watch = ++watched
      watches.set(watch, events)
      tell({ _tag: "Watch", watch, callSid })
      return () => {
        watches.delete(watch)
        tell({ _tag: "Unwatch", watch })
      }
    },
    isLeaving: () => leaving,
    stopped: Deferred.await(stopped)
  }
}
