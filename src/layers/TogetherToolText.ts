/** Separates what a model says from what it should not have said: content deltas in; speakable text, thoughts and tool calls written as text out. Pure. */
import { Result } from "effect"

/** A piece of a reply's content. */
export type ContentPiece =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Reasoning"; readonly text: string }
  /** A tool call that was written as text. */
  | { readonly _tag: "Call"; readonly name: string; readonly params: Readonly<Record<string, unknown>> }
  /** Markup of a tool call that could not be understood; it is neither spoken nor called. */
  | { readonly _tag: "Unusable" }

/** Where the scanner is in the reply. */
export interface ContentState {
  /** Whether a JSON object at the start of the reply may be a tool call: not when the reply is JSON on request. */
  readonly bareJson: boolean
  /** Content that cannot be judged yet. */
  readonly held: string
  /** Whether the reply has said anything; a JSON object counts as a tool call only before that. */
  readonly spoken: boolean
  /** The markup being read; undefined in plain text. */
  readonly inside: Markup | undefined
}

/** A pair of markers that open models put around what is not speech. */
interface Markup {
  readonly open: string
  /** First of these to come ends it; none: only the end of the reply does. */
  readonly close: ReadonlyArray<string>
  readonly kind: "function" | "calls" | "reasoning" | "stray"
}

/** Llama, Qwen/Hermes, Mistral and the usual tags for thoughts; then what is left of a template when a marker stands alone. */
const markups: ReadonlyArray<Markup> = [
  { open: "<function=", close: ["</function>"], kind: "function" },
  { open: "<tool_call>", close: ["</tool_call>"], kind: "calls" },
  { open: "<|python_tag|>", close: ["<|eom_id|>", "<|eot_id|>"], kind: "calls" },
  { open: "[TOOL_CALLS]", close: [], kind: "calls" },
  { open: "<think>", close: ["</think>"], kind: "reasoning" },
  ...["</function>", "</tool_call>", "</think>", "<|eom_id|>", "<|eot_id|>", "<|im_end|>"].map((open): Markup => ({
    open,
    close: [],
    kind: "stray"
  }))
]

/** The state before the first delta. */
export const initialContent = (options: { readonly bareJson: boolean }): ContentState => ({
  bareJson: options.bareJson,
  held: "",
  spoken: false,
  inside: undefined
})

/** Takes the next delta. Text is given out as soon as it cannot be the beginning of markup. */
export const stepContent = (
  state: ContentState,
  delta: string
): readonly [state: ContentState, pieces: ReadonlyArray<ContentPiece>] => {
  const pieces: Array<ContentPiece> = []
  let current: ContentState = { ...state, held: state.held + delta }
  for (;;) {
    const next = advance(current, pieces)
    if (next === undefined) return [current, pieces]
    current = next
  }
}

/** Takes the end of the reply: what was held is text after all, or markup that was never closed. */
export const endContent = (state: ContentState): ReadonlyArray<ContentPiece> => {
  const { held, inside } = state
  if (inside !== undefined) return closed(inside, held)
  const rest = state.spoken ? held : held.replace(leading, "")
  if (rest === "") return []
  const halfCall = atStart(state) && couldBeJson(rest) && /"(name|function)"\s*:/.test(rest)
  // Three characters of a marker are no accident at the very end of a reply.
  const halfMarker = rest.length >= 3 && beginning(rest, opens) === rest.length
  return halfCall || halfMarker ? [{ _tag: "Unusable" }] : [{ _tag: "Text", text: rest }]
}

/** What no reply begins with, but what stands before a call, between two, or after one brace too many. */
const leading = /^[\s;,}\]]+/

const atStart = (state: ContentState): boolean => state.bareJson && !state.spoken

/** Consumes as much as can be judged, or nothing (undefined): then more content is needed. */
const advance = (state: ContentState, pieces: Array<ContentPiece>): ContentState | undefined => {
  if (state.inside !== undefined) return insideMarkup(state, state.inside, pieces)
  // A blank start is not speech, and what follows it may still be a call.
  const held = state.spoken ? state.held : state.held.replace(leading, "")
  if (held === "") return undefined
  if (atStart(state) && couldBeJson(held)) {
    const end = endOfJson(held)
    if (end === undefined) return undefined
    const calls = callsIn(held.slice(0, end), "bare")
    if (calls !== undefined) {
      pieces.push(...calls)
      return { ...state, held: held.slice(end) }
    }
  }
  return plainText({ ...state, held }, pieces)
}

const insideMarkup = (state: ContentState, markup: Markup, pieces: Array<ContentPiece>): ContentState | undefined => {
  const end = earliest(state.held, markup.close)
  if (end !== undefined) {
    pieces.push(...closed(markup, state.held.slice(0, end.index)))
    return { ...state, inside: undefined, held: state.held.slice(end.index + end.found.length) }
  }
  if (markup.kind !== "reasoning") return undefined
  const sure = state.held.length - beginning(state.held, markup.close)
  if (sure === 0) return undefined
  pieces.push({ _tag: "Reasoning", text: state.held.slice(0, sure) })
  return { ...state, held: state.held.slice(sure) }
}

const opens = markups.map((markup) => markup.open)

const plainText = (state: ContentState, pieces: Array<ContentPiece>): ContentState | undefined => {
  const { held } = state
  const marker = earliest(held, opens)
  const sure = marker?.index ?? held.length - beginning(held, opens)
  if (sure === 0 && marker === undefined) return undefined
  if (sure > 0) pieces.push({ _tag: "Text", text: held.slice(0, sure) })
  const spoken = state.spoken || sure > 0
  if (marker === undefined) return { ...state, spoken, held: held.slice(sure) }
  const markup = markups.find((candidate) => candidate.open === marker.found)
  return {
    ...state,
    spoken,
    inside: markup === undefined || markup.kind === "stray" ? undefined : markup,
    held: held.slice(sure + marker.found.length)
  }
}

/** The pieces in the body of a markup that was closed, or left open at the end of the reply. */
const closed = (markup: Markup, body: string): ReadonlyArray<ContentPiece> => {
  switch (markup.kind) {
    case "reasoning":
      return body === "" ? [] : [{ _tag: "Reasoning", text: body }]
    case "function": {
      const call = /^\s*([\w.-]+)\s*>?\s*(\{[\s\S]*\})?[\s;]*$/.exec(body)
      return [callOf(call?.[1], call?.[2])]
    }
    case "calls":
      return callsIn(body, "marked") ?? [{ _tag: "Unusable" }]
    case "stray":
      return []
  }
}

const earliest = (
  text: string,
  candidates: ReadonlyArray<string>
): { readonly index: number; readonly found: string } | undefined => {
  let best: { readonly index: number; readonly found: string } | undefined
  for (const found of candidates) {
    const index = text.indexOf(found)
    if (index !== -1 && (best === undefined || index < best.index)) best = { index, found }
  }
  return best
}

/** Length of the longest end of `text` that one of the markers could begin with. */
const beginning = (text: string, markers: ReadonlyArray<string>): number => {
  let longest = 0
  for (const marker of markers) {
    for (let length = Math.min(marker.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(marker.slice(0, length))) longest = length
    }
  }
  return longest
}

/** Whether the text is, as far as it goes, the beginning of a JSON object or of an array of objects. */
const couldBeJson = (text: string): boolean => /^(\[\s*)?(\{\s*(["}]|$)|$)/.test(text)

/** Where the first JSON object or array in `text`, which begins with it, ends; undefined while it is open. */
const endOfJson = (text: string): number | undefined => {
  let depth = 0
  let quoted = false
  for (let index = 0; index < text.length; index++) {
    const char = text[index]
    if (quoted) {
      if (char === "\\") index++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === "{" || char === "[") depth++
    else if ((char === "}" || char === "]") && --depth === 0) return index + 1
  }
  return undefined
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const parse = (text: string): unknown => Result.getOrUndefined(Result.try((): unknown => JSON.parse(text)))

const callOf = (name: unknown, params: unknown): ContentPiece => {
  const given = typeof params === "string" ? parse(params) : (params ?? {})
  return typeof name === "string" && isRecord(given) ? { _tag: "Call", name, params: given } : { _tag: "Unusable" }
}

/**
 * The tool calls that a text consists of (an object, an array of them, or several with `;` between); undefined if it is
 * something else. Without markup around it, an object must have both a name and parameters to be a call.
 */
const callsIn = (text: string, evidence: "bare" | "marked"): ReadonlyArray<ContentPiece> | undefined => {
  const pieces: Array<ContentPiece> = []
  let rest = text.trim()
  while (rest !== "") {
    const end = couldBeJson(rest) ? endOfJson(rest) : undefined
    const value = end === undefined ? undefined : parse(rest.slice(0, end))
    for (const item of Array.isArray(value) ? value : [value]) {
      const call: unknown = isRecord(item) && isRecord(item["function"]) ? item["function"] : item
      if (!isRecord(call) || typeof call["name"] !== "string") return undefined
      const params = call["parameters"] ?? call["arguments"]
      if (params === undefined && evidence === "bare") return undefined
      pieces.push(callOf(call["name"], params))
    }
    rest = rest.slice(end).replace(leading, "")
  }
  return pieces.length === 0 ? undefined : pieces
}
