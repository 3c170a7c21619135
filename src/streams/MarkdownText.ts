/** One line of Markdown in, its words out, without the markup. Owns what stands inside a line, not the state between lines. Pure, and linear in the line's length. */
import { charAt, charBefore, isDigit, isSpace, isWide, isWord } from "./Characters.ts"

/** What a line says, and whether a fenced code block begins in it. */
export interface PlainLine {
  readonly text: string
  readonly opensFence: boolean
}

/** Elements whose tags are markup; `<name>` and `a < b` are not. Blank tags separate words. */
const inlineTags = new Set(
  (
    "a abbr b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup u var " +
    "speak prosody emphasis voice phoneme say-as lang"
  ).split(" ")
)
const blockTags = new Set(
  (
    "blockquote br break center details div dl dd dt h1 h2 h3 h4 h5 h6 hr img li ol p pre section summary table tbody " +
    "td tfoot th thead tr ul"
  ).split(" ")
)

/** Whether there is no text in front of or after markup: white space, or an end of the line. */
const isGap = (char: string): boolean => char === "" || isSpace(char)

const runEnd = (line: string, at: number): number => {
  let end = at + 1
  while (end < line.length && line[end] === line[at]) end++
  return end
}

/** Whether a run of `*`, `_` or `~` is markup, by what stands around it. */
const isEmphasis = (line: string, at: number, end: number, last: LastRuns): boolean => {
  const char = line[at]
  const single = end - at === 1
  if (char === "~" && single) return false
  const left = charBefore(line, at)
  const right = charAt(line, end)
  if (isGap(left) && isGap(right)) {
    // Between two things it is an operator; a blank to fill in is not read.
    const operator = isDigit(charBefore(line, at - 1)) && isDigit(charAt(line, end + 1))
    return !single && !operator
  }
  if (isWord(left) && isWord(right)) {
    if (char !== "*") return char === "~"
    if (isWide(left) || isWide(right)) return true
    return !single && !isDigit(left) && !isDigit(right) && last.double !== last.firstDouble
  }
  if (single && char === "*" && isGap(left)) {
    // The star key: press *, dial *67.
    if (isDigit(right)) return last.closing > at
    return isWord(right) || !/^[.,;:!?)]/.test(right)
  }
  return isGap(left) || isGap(right) || isWord(left) !== isWord(right) || !single
}

/** Where runs of stars stand in the line: the last that can close, the first and the last of two or more. */
interface LastRuns {
  readonly closing: number
  readonly firstDouble: number
  readonly double: number
}

const starRuns = (line: string): LastRuns => {
  let closing = -1
  let firstDouble = -1
  let double = -1
  for (let at = line.indexOf("*"); at >= 0; at = line.indexOf("*", at)) {
    const end = runEnd(line, at)
    if (end - at > 1) {
      double = at
      if (firstDouble < 0) firstDouble = at
    } else if (!isGap(charBefore(line, at)) && !isWord(charAt(line, end))) closing = at
    at = end
  }
  return { closing, firstDouble, double }
}

/** For each run of backticks, where the next one of the same length stands. */
const codeSpans = (line: string): ReadonlyMap<number, number> => {
  const spans = new Map<number, number>()
  const open = new Map<number, number>()
  for (let at = line.indexOf("`"); at >= 0; at = line.indexOf("`", at)) {
    const end = runEnd(line, at)
    const start = open.get(end - at)
    if (start !== undefined) spans.set(start, at)
    open.set(end - at, at)
    at = end
  }
  return spans
}

/** End of the tag at `at`, which has a `<` there, and what is read for it. */
const tagAt = (line: string, at: number): { readonly end: number; readonly text: string } | undefined => {
  let end = at + 1
  while (end < line.length && line[end] !== ">" && line[end] !== "<") end++
  if (line[end] !== ">") return undefined
  const content = line.slice(at + 1, end)
  if (/^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(content) || /^[^\s@]+@[^\s@]+$/.test(content)) {
    return { end: end + 1, text: content }
  }
  if (content.startsWith("!--") && content.endsWith("--")) return { end: end + 1, text: "" }
  const found = /^\/?([a-z][a-z0-9-]*)(?![^\s/])/i.exec(content)
  if (found === null) return undefined
  const name = (found[1] ?? "").toLowerCase()
  const rest = content.slice(found[0].length).trim()
  if (rest !== "" && rest !== "/" && !rest.includes("=")) return undefined
  if (inlineTags.has(name)) return { end: end + 1, text: "" }
  return blockTags.has(name) ? { end: end + 1, text: " " } : undefined
}

/** End of the destination of a link, whose `(` is at `at`; nothing if what follows is no address. */
const destinationEnd = (line: string, at: number): number | undefined => {
  let depth = 0
  for (let end = at; end < line.length; end++) {
    const char = line[end]
    // Another link begins: this one has no end. It also keeps the search for ends from being repeated.
    if (char === "]" || char === "[") return undefined
    if (char === "(") depth++
    else if (char === ")" && --depth === 0) {
      const content = line.slice(at + 1, end).trim()
      const space = content.search(/\s/)
      const address = space < 0 ? content : content.slice(0, space)
      const title = space < 0 ? "" : content.slice(space).trimStart()
      const isAddress = (content === "" || /[/.:#@]/.test(address)) && /^(?:["'(]|$)/.test(title)
      return isAddress ? end + 1 : undefined
    }
  }
  return undefined
}

/** What a line of Markdown says. Markup that is not closed in the line counts as markup at the edge of a word. */
export const inlineText = (line: string): PlainLine => {
  if (!/[\\`*_~[\]<]/.test(line)) return { text: line, opensFence: false }
  const spans = codeSpans(line)
  const stars = starRuns(line)
  /** Pieces of the result; the positions of brackets in it that may turn out to be a link's. */
  const out: Array<string> = []
  const brackets: Array<number> = []
  let at = 0
  while (at < line.length) {
    const char = line.charAt(at)
    if (char === "\\" && /^[!-/:-@[-`{-~]/.test(line.charAt(at + 1))) {
      out.push(line.charAt(at + 1))
      at += 2
    } else if (char === "`") {
      const end = runEnd(line, at)
      const closing = spans.get(at)
      if (closing !== undefined) {
        out.push(line.slice(end, closing))
        at = closing + (end - at)
      } else if (end - at >= 3) {
        return { text: out.join(""), opensFence: true }
      } else {
        at = end
      }
    } else if (char === "*" || char === "_" || char === "~") {
      const end = runEnd(line, at)
      if (!isEmphasis(line, at, end, stars)) out.push(line.slice(at, end))
      at = end
    } else if (char === "[") {
      brackets.push(out.length)
      out.push("[")
      at++
    } else if (char === "]") {
      at = closeBracket(line, at, out, brackets)
    } else if (char === "<") {
      const tag = tagAt(line, at)
      out.push(tag?.text ?? "<")
      at = tag?.end ?? at + 1
    } else {
      const end = plainEnd(line, at)
      out.push(line.slice(at, end))
      at = end
    }
  }
  return { text: out.join(""), opensFence: false }
}

/** Drops what makes a link of the text in front of the `]` at `at`; gives where to go on. */
const closeBracket = (line: string, at: number, out: Array<string>, brackets: Array<number>): number => {
  const opening = brackets.pop()
  const next = line.charAt(at + 1)
  if (next === "(") {
    const end = destinationEnd(line, at + 1)
    if (end !== undefined) {
      if (opening !== undefined) {
        out[opening] = ""
        // The mark of an image.
        const previous = out[opening - 1]
        if (previous?.endsWith("!")) out[opening - 1] = previous.slice(0, -1)
      }
      return end
    }
  }
  // A footnote.
  if (opening !== undefined && out[opening + 1]?.startsWith("^")) {
    out.length = opening
    return at + 1
  }
  out.push("]")
  return at + 1
}

/** End of the text from `at` on that has no markup in it; the signs in an address are its own. */
const plainEnd = (line: string, at: number): number => {
  let end = at + 1
  if (!isWord(charBefore(line, at)) && /^(?:https?:\/\/|www\.)/.test(line.slice(at, at + 8))) {
    while (end < line.length && /[^\s<>()[\]`"'*]/.test(line.charAt(end))) end++
    return end
  }
  while (end < line.length && !/[\\`*_~[\]<]/.test(line.charAt(end))) {
    if (line[end] === "h" || line[end] === "w") {
      if (line.startsWith("http", end) || line.startsWith("www.", end)) break
    }
    end++
  }
  return end
}
