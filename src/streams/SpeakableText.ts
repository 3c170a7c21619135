/** Pieces of a reply as they are written in, the same pieces as they are to be spoken out. Owns markup and signs, not where the text is cut. */
import { Stream } from "effect"
import { inlineText } from "./MarkdownText.ts"
import { isAudible, spokenSymbols } from "./SpokenSymbols.ts"
import { type Stage } from "./Stage.ts"

/** How text is made fit for the ear. */
export interface SpeakableOptions {
  /**
   * Language in which signs such as % are spelled out, a BCP 47 tag. Default "en".
   *
   * They are in de, en, es, fr, it, nl and pt; in any other language such signs stay as they are.
   */
  readonly language?: string
}

/** What earlier pieces of a reply say about the next one. */
export interface SpeakableState {
  readonly language: string
  /** The text is inside a fenced code block, which is not read out. */
  readonly fenced: boolean
  /** Number of the last item of a numbered list; 0 before the first. */
  readonly item: number
}

/** The state before any text. */
export const initial = (options?: SpeakableOptions): SpeakableState => ({
  language: options?.language ?? "en",
  fenced: false,
  item: 0
})

/** Makes one piece speakable; gives nothing if there is nothing to say in it. */
export const step = (state: SpeakableState, piece: string): readonly [SpeakableState, ReadonlyArray<string>] => {
  let { fenced, item } = state
  const said: Array<string> = []
  for (const line of piece.split(/[\n\r\u2028\u2029]+/)) {
    const open = fenced ? afterFence(line) : line
    if (open === undefined) continue
    const block = lineContent(open.replace(/\s+/g, " ").trim(), item)
    const { opensFence, text } = inlineText(block.text)
    fenced = opensFence
    item = block.item
    const spoken = spokenSymbols(text, state.language)
    if (isAudible(spoken)) said.push(spoken)
  }
  return [{ language: state.language, fenced, item }, said.length === 0 ? [] : [said.join("\n")]]
}

/**
 * Makes one text fit for the ear, "" if there is nothing to say in it.
 *
 * Markdown, HTML tags, emoji and fenced code go; words, digits and signs with a meaning of their own stay. Lines stay
 * lines. Takes time in proportion to the text.
 */
export const speakable = (text: string, options?: SpeakableOptions): string => step(initial(options), text)[1][0] ?? ""

/**
 * Makes the pieces of a reply fit for the ear, leaving out those with nothing to say in them.
 *
 * A code block and the numbers of a list may go on from one piece to the next; any piece may begin a line.
 */
export const speakableTextWith = (options: SpeakableOptions): Stage<string, string> => {
  const start = initial(options)
  return Stream.mapAccum(() => start, step)
}

/** {@link speakableTextWith} in English. */
export const speakableText: Stage<string, string> = speakableTextWith({})

/** What follows the end of a code block in a line; nothing if the block goes on. */
const afterFence = (line: string): string | undefined => {
  for (const fence of line.matchAll(/`{3,}|~{3,}/g)) {
    const rest = line.slice(fence.index + fence[0].length)
    // Backticks with a word right after them open the next block rather than closing this one.
    if (/^(?:\s|$)/.test(rest)) return rest
  }
  return undefined
}

/** Quotations and lists within each other that are looked into; what is nested deeper is read out with its marks. */
const MAX_NESTING = 6

const bullet = /^(?:[-*•‣◦▪●○■□·∙–—] |\+ (?!\d))(?:\[[ xX]?\] )?/

/** What a line says besides its kind: quotations, headings, list items, table rows, rules. White space in it is squeezed. */
const lineContent = (line: string, item: number): { readonly text: string; readonly item: number } => {
  if (/^(?:[-*_=] ?){3,}$/.test(line) || /^(?=.*-)(?=.*\|)[-|: ]+$/.test(line)) return { text: "", item }
  let text = line
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    // Not a comparison: > 5.
    const mark = /^>(?! ?[\d=]) ?/.exec(text) ?? bullet.exec(text)
    if (mark === null) break
    text = text.slice(mark[0].length)
  }
  if (/^~{3,}[^~]*$/.test(text)) return { text: "```", item }
  const heading = /^#{1,6} +/.exec(text)
  if (heading !== null) return { text: text.slice(heading[0].length).replace(/ #+$/, ""), item }
  const numbered = /^(\d{1,3})[.)] (?=\S)/.exec(text)
  const number = Number(numbered?.[1])
  // Only numbers in sequence: an answer such as "42. Anything else?" is no list.
  if (numbered !== null && (number === 1 || number === item + 1)) {
    return { text: text.slice(numbered[0].length), item: number }
  }
  const isRow = text.startsWith("| ") || text.endsWith(" |") || /^\|.+\|$/.test(text)
  return { text: isRow ? cells(text) : text, item }
}

const cells = (row: string): string =>
  row
    .split("|")
    .map((cell) => cell.trim())
    .filter((cell) => cell !== "")
    .join(", ")
