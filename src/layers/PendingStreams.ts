/** How many media streams are waited for that have not said yet which call they are: by address, and of all. Owns the count, not the streams. */
import { Effect, type Scope } from "effect"

/** How many there may be. */
export interface PendingLimits {
  readonly perAddress: number
  readonly total: number
}

/** The streams that have not started yet. */
export interface PendingStreams {
  /**
   * Counts a stream until it is given back or the scope closes; undefined if there are too many already.
   *
   * The effect it gives gives the place back, once.
   */
  readonly enter: (address: string) => Effect.Effect<Effect.Effect<void> | undefined, never, Scope.Scope>
}

/** None at first. */
export const makePendingStreams = ({ perAddress, total }: PendingLimits): PendingStreams => {
  const byAddress = new Map<string, number>()
  let all = 0

  const change = (address: string, by: 1 | -1): void => {
    const count = (byAddress.get(address) ?? 0) + by
    all += by
    if (count === 0) byAddress.delete(address)
    else byAddress.set(address, count)
  }

  return {
    enter: (address) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          if (all >= total || (byAddress.get(address) ?? 0) >= perAddress) return undefined
          change(address, 1)
          let counted = true
          return Effect.sync(() => {
            if (counted) change(address, -1)
            counted = false
          })
        }),
        (leave) => leave ?? Effect.void
      )
  }
}
