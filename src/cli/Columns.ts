/** Texts in, texts of so many columns of a terminal out. Pure; wide characters count as two. */
import { CliOutput } from "effect/cli"

const { displayWidth } = CliOutput

/** Fills a text up on its right. */
export const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - displayWidth(text)))

/** Fills a text up on its left. */
export const padStart = (text: string, width: number): string =>
  " ".repeat(Math.max(0, width - displayWidth(text))) + text

/** Cuts a text off, with an ellipsis for what is missing. */
export const cut = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text
  const kept = [...text]
  while (kept.length > 0 && displayWidth(kept.join("")) >= width) kept.pop()
  return `${kept.join("").trimEnd()}…`
}

/** Breaks a text into lines at spaces; a word that is longer than a line has one of its own. */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && displayWidth(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/**
 * Sets rows of the same number of cells in columns, the first one to the left and the others to the right.
 *
 * Four spaces lie between columns, two before the first.
 */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows[0]?.map((_, n) => Math.max(...rows.map((row) => displayWidth(row[n] ?? "")))) ?? []
  return rows.map((row) => {
    const cells = row.map((cell, n) => (n === 0 ? pad(cell, widths[n] ?? 0) : padStart(cell, widths[n] ?? 0)))
    return `  ${cells.join("    ")}`.trimEnd()
  })
}
