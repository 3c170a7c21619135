/** The speech synthesizer Flite as a program: its WebAssembly module and a text in, 16-bit PCM out. Synchronous; owns no thread and no files. */

/** A voice that is built into the synthesizer: `rms` and `awb` are men, `slt` is a woman. */
export type SandboxVoiceName = "rms" | "awb" | "slt"

/** What brings each voice to about -20 dB of full scale while it speaks, as a factor. */
const gains: Readonly<Record<SandboxVoiceName, number>> = { rms: 1.4, awb: 1.35, slt: 0.8 }

/** A module that was compiled. */
export interface VoiceModule {
  readonly _compiled: unique symbol
}

type WasiFunction = (...values: ReadonlyArray<never>) => number

/** What is used of WebAssembly: neither the language's library nor Node's types describe it. */
interface WebAssemblyApi {
  readonly compile: (bytes: Uint8Array) => Promise<VoiceModule>
  readonly Instance: new (
    module: VoiceModule,
    imports: Readonly<Record<string, Readonly<Record<string, WasiFunction>>>>
  ) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly _start: () => void } }
}

const wasm = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly

/** Compiles the synthesizer; takes the bytes of `flite.wasm`. */
export const compileVoice = (bytes: Uint8Array): Promise<VoiceModule> => wasm.compile(bytes)

/** What the program said. */
export interface VoiceSound {
  /** Mono, silence of about 0.2 s at both ends. */
  readonly samples: Int16Array<ArrayBuffer>
  readonly sampleRate: number
}

/** One run of the program that was made ready before it is known what to say; usable once. */
export type VoiceRun = (text: string, voice: SandboxVoiceName) => VoiceSound

/** The program has ended; thrown through its frames, which is how a WASI program exits. */
class ProgramExit {
  readonly code: number
  constructor(code: number) {
    this.code = code
  }
}

// Errors and kinds of files as WASI counts them. Source: github.com/WebAssembly/WASI, preview 1, `witx/typenames.witx`.
const SUCCESS = 0
const BAD_DESCRIPTOR = 8
const NO_ENTRY = 44
const NOT_SEEKABLE = 70
const CHARACTER_DEVICE = 2
const DIRECTORY = 3
const REGULAR_FILE = 4

/** Descriptors: 0 to 2 are the usual ones, then the only directory, then the only file in it. */
const ROOT = 3
const OUTPUT = 4
const OUTPUT_NAME = "speech"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Makes a run ready, which takes about as long as copying the 17 MB the program comes with.
 *
 * The program believes in a directory with nothing in it but the file it writes, and has no other way out: neither the
 * machine's files nor its clock are within its reach.
 */
export const prepareRun = (module: VoiceModule): VoiceRun => {
  let args: ReadonlyArray<Uint8Array> = []
  const written: Array<Uint8Array> = []

  // The memory may have grown, and its buffer with it been replaced, between any two calls.
  const bytes = () => new Uint8Array(instance.exports.memory.buffer)
  const view = () => new DataView(instance.exports.memory.buffer)

  const system = {
    args_sizes_get: (count: number, size: number) => {
      view().setUint32(count, args.length, true)
      view().setUint32(
        size,
        args.reduce((sum, arg) => sum + arg.length, 0),
        true
      )
      return SUCCESS
    },
    args_get: (pointers: number, start: number) => {
      let at = start
      args.forEach((arg, index) => {
        view().setUint32(pointers + 4 * index, at, true)
        bytes().set(arg, at)
        at += arg.length
      })
      return SUCCESS
    },
    clock_time_get: (_clock: number, _precision: bigint, time: number) => {
      view().setBigUint64(time, 0n, true)
      return SUCCESS
    },
    fd_close: () => SUCCESS,
    fd_fdstat_get: (descriptor: number, stat: number) => {
      bytes().fill(0, stat, stat + 24)
      view().setUint8(stat, descriptor < ROOT ? CHARACTER_DEVICE : descriptor === ROOT ? DIRECTORY : REGULAR_FILE)
      // Rights, those that are inherited too: all of them.
      view().setBigUint64(stat + 8, ~0n, true)
      view().setBigUint64(stat + 16, ~0n, true)
      return SUCCESS
    },
    fd_fdstat_set_flags: () => SUCCESS,
    fd_prestat_get: (descriptor: number, prestat: number) => {
      if (descriptor !== ROOT) return BAD_DESCRIPTOR
      view().setUint32(prestat, 0, true)
      view().setUint32(prestat + 4, 1, true)
      return SUCCESS
    },
    fd_prestat_dir_name: (_descriptor: number, name: number) => {
      bytes().set(encoder.encode("/"), name)
      return SUCCESS
    },
    fd_read: (_descriptor: number, _vectors: number, _count: number, read: number) => {
      view().setUint32(read, 0, true)
      return SUCCESS
    },
    fd_seek: () => NOT_SEEKABLE,
    fd_write: (descriptor: number, vectors: number, count: number, done: number) => {
      let total = 0
      for (let index = 0; index < count; index++) {
        const start = view().getUint32(vectors + 8 * index, true)
        const length = view().getUint32(vectors + 8 * index + 4, true)
        if (descriptor === OUTPUT) written.push(bytes().slice(start, start + length))
        total += length
      }
      view().setUint32(done, total, true)
      return SUCCESS
    },
    path_open: (
      _directory: number,
      _lookup: number,
      path: number,
      length: number,
      _open: number,
      _rights: bigint,
      _inherited: bigint,
      _flags: number,
      opened: number
    ) => {
      if (decoder.decode(bytes().subarray(path, path + length)) !== OUTPUT_NAME) return NO_ENTRY
      view().setUint32(opened, OUTPUT, true)
      return SUCCESS
    },
    proc_exit: (code: number): number => {
      throw new ProgramExit(code)
    }
  }
  const instance = new wasm.Instance(module, { wasi_snapshot_preview1: system })

  return (text, voice) => {
    args = ["flite", "-voice", voice, "-o", `/${OUTPUT_NAME}`, "-t", text].map((arg) => encoder.encode(`${arg}\0`))
    try {
      instance.exports._start()
    } catch (exit) {
      if (!(exit instanceof ProgramExit)) throw exit
      if (exit.code !== 0) throw new Error(`the synthesizer ended with exit code ${exit.code}`, { cause: exit })
    }
    return readSound(written, gains[voice])
  }
}

const HEADER_BYTES = 44

/** The sound in the WAV file that the program wrote: 16-bit mono behind a header of 44 bytes, always. */
const readSound = (written: ReadonlyArray<Uint8Array>, gain: number): VoiceSound => {
  const file = Buffer.concat(written)
  if (file.length < HEADER_BYTES) throw new Error("the synthesizer wrote no sound")
  const samples = new Int16Array((file.length - HEADER_BYTES) >> 1)
  for (let i = 0; i < samples.length; i++) {
    const value = Math.round(gain * file.readInt16LE(HEADER_BYTES + 2 * i))
    samples[i] = Math.max(-32_768, Math.min(32_767, value))
  }
  return { samples, sampleRate: file.readUInt32LE(24) }
}
