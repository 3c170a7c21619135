/** What emulators of a service's socket have in common: requests for the upgrade in, connections that are served, refused and laid hands on out. Knows no service. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, Option, Redacted, type Scope, Stream, SubscriptionRef } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { type Socket } from "effect/socket"

/** An open connection as the emulator's controls see it. */
export interface EmulatedLine {
  readonly say: (message: Readonly<Record<string, unknown>>) => Effect.Effect<void>
  readonly hangUp: (code: number, reason?: string) => Effect.Effect<void>
  readonly cut: Effect.Effect<void>
}

/** What can be seen of a running emulator, and done to its connections. */
export interface EmulatedSocketControls<Event extends { readonly _tag: string }> {
  /** Everything that happened so far, in order. */
  readonly events: Effect.Effect<ReadonlyArray<Event>>
  /** The first event of this kind that fits, from the beginning; waits for it if there is none yet. */
  readonly awaitEvent: <Tag extends Event["_tag"]>(
    tag: Tag,
    fits?: (event: Extract<Event, { readonly _tag: Tag }>) => boolean
  ) => Effect.Effect<Extract<Event, { readonly _tag: Tag }>>
  /** Sends a message on every open connection, now. */
  readonly say: (message: Readonly<Record<string, unknown>>) => Effect.Effect<void>
  /** Closes every open connection with this code. */
  readonly hangUp: (code: number, reason?: string) => Effect.Effect<void>
  /** Breaks every open connection without a close frame. */
  readonly cut: Effect.Effect<void>
}

/** What is answered to a client that gets no upgrade. */
export interface Refusal {
  readonly status: number
  readonly error: Readonly<Record<string, unknown>>
}

/** A refusal as the service words it. */
export const refusal = (status: number, code: string, message: string): Refusal => ({
  status,
  error: { message, type: "invalid_request_error", param: null, code }
})

/** The refusal of a request that a script decides. */
export const refusedByScript = (status: number): Refusal => ({ status, error: { message: "refused by the script" } })

/** What is wrong with a client's key: that it has none, or not the one of the script; undefined: nothing. */
export const problemInKey = (key: string | undefined, expected: Redacted.Redacted | undefined): Refusal | undefined => {
  if (key === undefined) return refusal(401, "missing_api_key", "expected an Authorization header with a bearer key")
  return expected === undefined || key === Redacted.value(expected)
    ? undefined
    : refusal(401, "invalid_api_key", "the API key is not the one of the script")
}

/** The key in an `Authorization` header. */
export const bearerKey = (authorization: string | undefined): string | undefined =>
  /^Bearer (.+)$/.exec(authorization ?? "")?.[1]

/** A client that asks for the upgrade; connections are numbered from 0. */
interface UpgradeRequest {
  readonly connection: number
  readonly query: Readonly<Record<string, string>>
  readonly authorization: string | undefined
}

/** Serves a connection until it ends; `breakOff` destroys it without a close frame. */
type Serve = (socket: Socket.Socket, breakOff: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>

/** How an emulator tells that a client asked for the upgrade, and that it was refused. */
interface UpgradeEvents<Event> {
  readonly Asked: (event: {
    readonly connection: number
    readonly query: Readonly<Record<string, string>>
    readonly headers: Readonly<Record<string, string>>
  }) => Event
  readonly Refused: (event: { readonly connection: number; readonly status: number }) => Event
}

/** The connections of an emulator and what happened on them. */
export const makeEmulatedSocket = Effect.fnUntraced(function* <Event extends { readonly _tag: string }>({
  Asked,
  Refused
}: UpgradeEvents<Event>) {
  const seen = yield* SubscriptionRef.make<ReadonlyArray<Event>>([])
  const lines = new Set<EmulatedLine>()
  let connections = 0

  const record = (event: Event) => SubscriptionRef.update(seen, (before) => [...before, event])

  const join = (line: EmulatedLine) =>
    Effect.acquireRelease(
      Effect.sync(() => void lines.add(line)),
      () => Effect.sync(() => lines.delete(line))
    )

  const refuse = (connection: number, { error, status }: Refusal) =>
    Effect.as(record(Refused({ connection, status })), HttpServerResponse.jsonUnsafe({ error }, { status }))

  const upgrade = Effect.fnUntraced(function* (accept: (asked: UpgradeRequest) => Refusal | Serve) {
    const request = yield* HttpServerRequest.HttpServerRequest
    const connection = connections++
    const query = Object.fromEntries(new URL(request.originalUrl, "http://localhost").searchParams)
    const { authorization, ...headers } = request.headers
    yield* record(Asked({ connection, query, headers }))
    const serve = accept({ connection, query, authorization })
    if (typeof serve !== "function") return yield* refuse(connection, serve)
    const tcp = NodeHttpServerRequest.toIncomingMessage(request).socket
    const upgraded = yield* Effect.option(request.upgrade)
    if (Option.isNone(upgraded)) {
      return yield* refuse(connection, refusal(426, "upgrade_required", "expected a WebSocket upgrade"))
    }
    yield* serve(
      upgraded.value,
      Effect.sync(() => void tcp.destroy())
    )
    return HttpServerResponse.empty()
  })

  const onEveryLine = (action: (line: EmulatedLine) => Effect.Effect<void>) =>
    Effect.suspend(() => Effect.forEach([...lines], action, { discard: true }))

  const controls: EmulatedSocketControls<Event> = {
    events: SubscriptionRef.get(seen),
    awaitEvent: <Tag extends Event["_tag"]>(
      tag: Tag,
      fits: (event: Extract<Event, { readonly _tag: Tag }>) => boolean = () => true
    ) => {
      const wanted = (event: Event): event is Extract<Event, { readonly _tag: Tag }> =>
        event._tag === tag && fits(event as Extract<Event, { readonly _tag: Tag }>)
      return SubscriptionRef.changes(seen).pipe(
        Stream.map((events) => events.find(wanted)),
        Stream.filter((event) => event !== undefined),
        Stream.runHead,
        // The changes of a reference do not end.
        Effect.flatMap(Option.match({ onNone: () => Effect.never, onSome: Effect.succeed }))
      )
    },
    say: (message) => onEveryLine((line) => line.say(message)),
    hangUp: (code, reason) => onEveryLine((line) => line.hangUp(code, reason)),
    cut: onEveryLine((line) => line.cut)
  }

  return { record, join, upgrade, controls }
})
