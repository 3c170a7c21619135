/** A stream in, its chunks by hand out: what is pulled by one fiber alone, as a hot path has it. */
import { type Array, Channel, Effect, type Pull, type Scope, Stream } from "effect"

/**
 * As `Stream.toPull`, for one fiber that pulls and for streams that need no services: without the lock and the change of
 * context that `Stream.toPull` has for each pull.
 */
export const rawPull = <A, E>(
  stream: Stream.Stream<A, E>
): Effect.Effect<Pull.Pull<Array.NonEmptyReadonlyArray<A>, E>, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => Channel.toPullScoped(Stream.toChannel(stream), scope))
