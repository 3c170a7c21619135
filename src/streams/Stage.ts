/** The shape every stage shares: a stream in, a stream out; owns no behaviour. */
import { type Stream } from "effect"

/**
 * A function from a stream of `A` to a stream of `B`, adding its own failures `E2` and requirements `R2` to the input's.
 *
 * Its state belongs to one run of the resulting stream: the same stage may be used any number of times at once.
 */
export type Stage<A, B, E2 = never, R2 = never> = <E, R>(
  self: Stream.Stream<A, E, R>
) => Stream.Stream<B, E | E2, R | R2>
