/** Flags with a value: what a command tells of one in, the checked value out. Knows no command. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { EXPECTED_DURATION, parseDuration } from "./Durations.ts"

/** How a flag's value is named in the help, what is said to be expected of it, and how a text is read as one. */
interface ValueOf<A> {
  readonly metavar: string
  readonly expected: string
  readonly parse: (text: string) => Option.Option<A>
}

/** A flag whose text is read as a value; a text that is none is told from what was expected. */
export const valueFlag = <A>(name: string, { expected, metavar, parse }: ValueOf<A>, description: string) =>
  Flag.String(name).pipe(
    Flag.filterMap(parse, () => expected),
    Flag.withMetavar(metavar),
    Flag.withDescription(description)
  )

/** A flag for a text that is not blank. */
export const textFlag = (name: string, metavar: string, expected: string, description: string) =>
  valueFlag(
    name,
    { metavar, expected, parse: (text) => (text.trim() === "" ? Option.none() : Option.some(text)) },
    description
  )

/** The milliseconds that a duration must have, and how that is told after what a duration looks like. */
interface Bounds {
  readonly told: string
  readonly includes: (ms: number) => boolean
}

const anyDuration: Bounds = { told: "", includes: () => true }

/** A flag for a duration, in milliseconds. */
export const durationFlag = (name: string, description: string, { includes, told }: Bounds = anyDuration) =>
  valueFlag(
    name,
    {
      metavar: "duration",
      expected: `${EXPECTED_DURATION}${told}`,
      parse: (text) => Option.filter(Option.fromUndefinedOr(parseDuration(text)), includes)
    },
    description
  )
