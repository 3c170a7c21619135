/** What the processes of a server have in common, at the one that has started them: their questions in, answers out, which calls each has let in, who watches what. Owns no process and no connection. */
import { Deferred, Effect, Exit, Option, Redacted, Scope } from "effect"
import { CallRegistry } from "../services/CallRegistry.ts"
import { StreamTokens } from "../services/StreamTokens.ts"
import { type Answers, type FromWorker, type Question, type ToWorker } from "./ProcessMessages.ts"

/** A process as the desk knows it. */
export interface Member {
  readonly tell: (message: ToWorker) => void
  /** Closed when the process has ended: its calls are over then. */
  readonly scope: Scope.Closeable
  /** Its calls, by number. */
  readonly calls: Map<number, Scope.Closeable>
}

/** What the desk does. */
export interface SupervisorDesk {
  /** Knows a process from now on until the scope closes; its calls end with that. */
  readonly join: (tell: Member["tell"]) => Effect.Effect<Member, never, Scope.Scope>
  /** Takes in what a process says, and tells it and others what follows. */
  readonly receive: (member: Member, message: FromWorker) => Effect.Effect<void>
  /** Tells every process. */
  readonly tellAll: (message: ToWorker) => void
}

/** Longest wait for the other processes to say whether they have a call, for words that were typed for it. */
const TYPED_WITHIN = "2 seconds"

/** A call that a process watches, wherever it is. */
interface Watch {
  readonly member: Member
  /** The number the process has given to it. */
  readonly watch: number
  readonly callSid: string
}

/** Words that were told to all processes but one, and who has not said yet whether they were for one of its calls. */
interface Typed {
  readonly left: Set<Member>
  readonly heard: Deferred.Deferred<boolean>
}

/** A desk that no process has come to yet. */
export const makeSupervisorDesk: Effect.Effect<SupervisorDesk, never, CallRegistry | StreamTokens> = Effect.gen(
  function* () {
    const registry = yield* CallRegistry
    const tokens = yield* StreamTokens
    const members = new Set<Member>()
    const watches = new Map<number, Watch>()
    const typings = new Map<number, Typed>()
    let numbers = 0

    const tellOthers = (but: Member, message: ToWorker): void => {
      for (const member of members) if (member !== but) member.tell(message)
    }

    const enter = Effect.fnUntraced(function* (member: Member, limit: number) {
      const scope = yield* Scope.fork(member.scope)
      if (!(yield* Scope.provide(registry.enter(limit), scope))) {
        yield* Scope.close(scope, Exit.void)
        return undefined
      }
      const call = ++numbers
      member.calls.set(call, scope)
      return call
    })

    const leave = (member: Member, call: number) =>
      Effect.suspend(() => {
        const scope = member.calls.get(call)
        member.calls.delete(call)
        return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
      })

    const answerTyped = (id: number, member: Member, heard: boolean): void => {
      const typed = typings.get(id)
      if (typed === undefined) return
      typed.left.delete(member)
      if (heard || typed.left.size === 0) Deferred.doneUnsafe(typed.heard, Effect.succeed(heard))
    }

    const ask = Effect.fnUntraced(function* (member: Member, callSid: string, text: string) {
      const left = new Set([...members].filter((other) => other !== member))
      if (left.size === 0) return false
      const id = ++numbers
      const heard = yield* Deferred.make<boolean>()
      typings.set(id, { left, heard })
      tellOthers(member, { _tag: "TypeHere", id, callSid, text })
      const answer = yield* Effect.timeoutOption(Deferred.await(heard), TYPED_WITHIN)
      typings.delete(id)
      return Option.getOrElse(answer, () => false)
    })

    const answerTo = (member: Member, question: Question): Effect.Effect<Answers[Question["_tag"]]> => {
      switch (question._tag) {
        case "Mint":
          return Effect.map(tokens.mint(question.callSid), (token) =>
            Option.getOrUndefined(Option.map(token, Redacted.value))
          )
        case "Redeem":
          return Effect.map(tokens.redeem(question.callSid, question.token), Option.getOrUndefined)
        case "Enter":
          return enter(member, question.limit)
        case "Count":
          return registry.count
        case "Finish":
          return Effect.as(registry.finish(question.callSid), undefined)
        case "IsFinished":
          return registry.isFinished(question.callSid)
        case "Typed":
          return ask(member, question.callSid, question.text)
      }
    }

    const unwatch = (of: Member, number: number | undefined): void => {
      for (const [id, { member, watch }] of watches) {
        if (member !== of || (number !== undefined && watch !== number)) continue
        watches.delete(id)
        tellOthers(of, { _tag: "Unwatch", watch: id })
      }
    }

    const receive = (member: Member, message: FromWorker): Effect.Effect<void> => {
      switch (message._tag) {
        case "Ask": {
          const { id, question } = message
          return Effect.map(answerTo(member, question), (answer) => member.tell({ _tag: "Answer", id, answer }))
        }
        case "Left":
          return leave(member, message.call)
        case "Watch":
          return Effect.sync(() => {
            const { callSid, watch } = message
            const id = ++numbers
            watches.set(id, { member, watch, callSid })
            tellOthers(member, { _tag: "Watch", watch: id, callSid })
          })
        case "Unwatch":
          return Effect.sync(() => unwatch(member, message.watch))
        case "Watched":
          return Effect.sync(() => {
            const known = watches.get(message.watch)
            known?.member.tell({ _tag: "Watched", watch: known.watch, event: message.event })
          })
        case "TypedThere":
          return Effect.sync(() => answerTyped(message.id, member, message.heard))
        case "Ready":
        case "Closed":
          return Effect.void
      }
    }

    const depart = (member: Member): Effect.Effect<void> =>
      Effect.suspend(() => {
        members.delete(member)
        unwatch(member, undefined)
        for (const id of typings.keys()) answerTyped(id, member, false)
        return Scope.close(member.scope, Exit.void)
      })

    return {
      join: (tell) =>
        Effect.acquireRelease(
          Effect.map(Scope.make(), (scope) => {
            const member: Member = { tell, scope, calls: new Map() }
            members.add(member)
            // A call that somebody follows may begin in this one.
            for (const [watch, { callSid }] of watches) tell({ _tag: "Watch", watch, callSid })
            return member
          }),
          depart
        ),
      receive,
      tellAll: (message) => {
        for (const { tell } of members) tell(message)
      }
    }
  }
)
