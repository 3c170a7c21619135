/** Who the agent is on the phone: what a persona consists of. The personas themselves are in `Personas.ts`. */
import { Schema } from "effect"

/** An agent's character: how it is told to behave, and what it says first. */
export const Persona = Schema.Struct({
  /** Key used in configuration. */
  id: Schema.NonEmptyString,
  /** Name the agent goes by. */
  name: Schema.NonEmptyString,
  /** System prompt of the language model. */
  prompt: Schema.NonEmptyString,
  /** First words of every call. */
  greeting: Schema.NonEmptyString
})
export type Persona = typeof Persona.Type
