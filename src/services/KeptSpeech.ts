/** Contract: speech that is always said the same way, made once and kept. Owns the audio, not when it is said. */
import { Context } from "effect"

/** Kept speech, shared by all calls of the process. */
export interface KeptSpeech {
  /** The whole of a text as mu-law for the line; undefined while there is none. Not to be changed by anybody. */
  readonly find: (text: string) => Uint8Array | undefined
}

/** Where kept speech is found. Unless it is provided nothing is kept: everything is synthesised when it is said. */
export const KeptSpeech: Context.Reference<KeptSpeech> = Context.Reference<KeptSpeech>("parley/services/KeptSpeech", {
  defaultValue: () => ({ find: () => undefined })
})
