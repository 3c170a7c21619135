/** Contract: who recognises, answers and speaks. Owns the choice, not the services. */
import { Context } from "effect"

/** Together AI with an account, or the sandbox that is built in. */
export type Provider = "together" | "sandbox"

/** The provider of the process. */
export const Provider: Context.Reference<Provider> = Context.Reference<Provider>("parley/services/Provider", {
  defaultValue: () => "together"
})
