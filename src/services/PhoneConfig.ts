/** Contract: whether there is a browser phone and for whom, read once at the start. Owns the choice, not the phone. */
import { Context, type Redacted } from "effect"

/** Settings of the browser phone. */
export interface PhoneConfig {
  /** Whether there is a browser phone at all. */
  readonly enabled: boolean
  /** What has to be given to use it; undefined: nothing. */
  readonly token: Redacted.Redacted | undefined
}

/** The browser phone of the process; there is none unless it is provided. */
export const PhoneConfig: Context.Reference<PhoneConfig> = Context.Reference<PhoneConfig>(
  "parley/services/PhoneConfig",
  { defaultValue: () => ({ enabled: false, token: undefined }) }
)
