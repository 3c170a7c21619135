/** What an audio worklet has in its global scope, as far as the browser phone uses it. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort
}
declare const registerProcessor: (name: string, processor: new () => AudioWorkletProcessor) => void
/** Samples a second of the context that the worklet runs in. */
declare const sampleRate: number
