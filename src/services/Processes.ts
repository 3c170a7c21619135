/** Contract: over how many processes of this machine calls are spread. Owns the choice, not the processes. */
import { Context } from "effect"

/** How many processes hold calls; 1: the one that was started holds them itself. */
export const Processes: Context.Reference<number> = Context.Reference<number>("parley/services/Processes", {
  defaultValue: () => 1
})
