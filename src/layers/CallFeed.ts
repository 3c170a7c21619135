/** Passes the events of calls on to those who follow them; nothing per window while nobody does. Owns the followers' queues and a short memory of each call. */
import { type Cause, Effect, Layer, Queue, Stream } from "effect"
import { type CallEvent, type CallInfo } from "../schema/CallEvent.ts"
import { CallFeed, type CallWatch } from "../services/CallFeed.ts"
import { type CallControl, type CallSink } from "../services/CallObserver.ts"
import { admits, type PhoneAccess, TOKEN_PARAMETER, WATCH_PARAMETER } from "./PhoneAccess.ts"

/** Events kept of a call for who comes late: all that is needed to know where it stands. */
const TAIL = 128

/** Events a follower may be behind; of these, how many may be there for a score to be added to them. */
const BACKLOG = 512
const SCORE_BACKLOG = 128

/** How long a call that is over can still be looked at. */
const LINGER = "10 seconds"

/** Everything about one call id. */
interface Topic {
  readonly tail: Array<CallEvent>
  readonly followers: Set<Queue.Queue<CallEvent, Cause.Done>>
  /** The call itself; undefined before it begins and after its end. */
  control: CallControl | undefined
  over: boolean
}

/** Hands the event to everybody who follows, and remembers it for others, unless it is a score. */
const publish = ({ followers, tail }: Topic, event: CallEvent): void => {
  if (event._tag === "Voice") {
    for (const queue of followers) if (Queue.sizeUnsafe(queue) < SCORE_BACKLOG) Queue.offerUnsafe(queue, event)
    return
  }
  tail.push(event)
  if (tail.length > TAIL) tail.shift()
  for (const queue of followers) Queue.offerUnsafe(queue, event)
}

const ignore: CallSink = () => Effect.void

/**
 * Follows the calls that ask for it by their `watch` parameter, and hangs up those of them that may not be here.
 *
 * Other calls are nobody's business: they are neither followed nor touched.
 */
export const layer = (access: PhoneAccess): Layer.Layer<CallFeed> =>
  Layer.effect(
    CallFeed,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const topics = new Map<string, Topic>()

      const topicOf = (callSid: string): Topic => {
        const known = topics.get(callSid)
        if (known !== undefined && !known.over) return known
        const topic: Topic = { tail: [], followers: new Set(), control: undefined, over: false }
        topics.set(callSid, topic)
        return topic
      }

      const forget = (callSid: string, topic: Topic) =>
        Effect.sync(() => {
          if (topics.get(callSid) === topic) topics.delete(callSid)
        })

      const finish = (callSid: string, topic: Topic) =>
        Effect.suspend(() => {
          topic.control = undefined
          topic.over = true
          for (const queue of topic.followers) Queue.endUnsafe(queue)
          return Effect.forkIn(Effect.delay(forget(callSid, topic), LINGER), scope)
        })

      const open = Effect.fnUntraced(function* ({ callSid, parameters }: CallInfo, control: CallControl) {
        if (parameters[WATCH_PARAMETER] === undefined) return ignore
        if (!admits(access, parameters[TOKEN_PARAMETER])) {
          yield* Effect.logWarning("call refused: it comes from a browser phone and its token is missing or wrong")
          yield* control.hangUp
          return ignore
        }
        const topic = topicOf(callSid)
        // The id is the client's own choice: whoever uses one a second time is not shown to those who follow the first.
        if (topic.control !== undefined) return ignore
        topic.control = control
        yield* Effect.addFinalizer(() => finish(callSid, topic))
        const sink: CallSink = (event) =>
          event._tag === "Voice" && topic.followers.size === 0 ? Effect.void : Effect.sync(() => publish(topic, event))
        return sink
      })

      const watch = Effect.fnUntraced(function* (callSid: string) {
        const topic = topics.get(callSid) ?? topicOf(callSid)
        const queue = yield* Effect.acquireRelease(Queue.sliding<CallEvent, Cause.Done>(BACKLOG), (queue) =>
          Effect.suspend(() => {
            topic.followers.delete(queue)
            const isEmpty = topic.followers.size === 0 && topic.control === undefined && !topic.over
            return isEmpty ? forget(callSid, topic) : Effect.void
          })
        )
        for (const event of topic.tail) Queue.offerUnsafe(queue, event)
        if (topic.over) Queue.endUnsafe(queue)
        else topic.followers.add(queue)
        return {
          events: Stream.fromQueue(queue),
          typed: (text) =>
            Effect.suspend(() =>
              topic.control === undefined ? Effect.succeed(false) : Effect.as(topic.control.typed(text), true)
            )
        } satisfies CallWatch
      })

      return CallFeed.of({ observer: { open }, watch })
    })
  )
