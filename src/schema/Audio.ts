/** The units of telephone audio that every other module counts in; data only, no conversions. */

/** Sample rate of the telephone line, in Hz. */
export const PHONE_RATE = 8000

/** Bytes (and samples) of mu-law in one 20 ms telephone frame. */
export const FRAME_BYTES = 160

/** Duration of one telephone frame, in milliseconds. */
export const FRAME_MS = 20

/** Samples in one voice-activity window at 8 kHz. */
export const WINDOW_SAMPLES = 256

/** Duration of one voice-activity window, in milliseconds. */
export const WINDOW_MS = 32

/** The mu-law code of digital silence, used to pad a last frame. */
export const MULAW_SILENCE = 0xff

/** mu-law bytes (or 8 kHz samples) in one millisecond. */
export const BYTES_PER_MS = 8

/** Linear PCM, 16-bit signed, mono, with its rate in Hz. */
export interface PcmAudio {
  readonly samples: Int16Array
  readonly sampleRate: number
}

/**
 * A stretch of caller audio on the call's audio clock.
 *
 * `atMs` is the time of the first sample, in milliseconds since the stream began, as the carrier counts it.
 */
export interface CallerAudio {
  readonly atMs: number
  /** 8 kHz mono PCM, any length. */
  readonly samples: Int16Array
}

/**
 * One window for the voice-activity model, {@link WINDOW_SAMPLES} samples of 8 kHz PCM.
 *
 * `discontinuous` marks the first window after a gap in the caller's audio: recurrent state must be reset before it.
 */
export interface VoiceWindow {
  readonly atMs: number
  readonly samples: Int16Array
  readonly discontinuous: boolean
}

/** How likely it is (0 to 1) that the window starting at `atMs` holds a voice. */
export interface VoiceScore {
  readonly atMs: number
  readonly probability: number
}
