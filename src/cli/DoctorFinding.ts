/** What one look at the configuration found, and how it is written for a person. Owns no check. */
import { pad, wrap } from "./Columns.ts"

/** How it stands: as it should, worth a thought, in the way of calls, or not looked at. */
export type Standing = "ok" | "warning" | "broken" | "skipped"

/** One thing that was looked at. */
export interface Finding {
  readonly standing: Standing
  /** What was looked at, in a word or two. */
  readonly about: string
  /** What was found, in a sentence without a full stop. */
  readonly found: string
  /** What to do about it. */
  readonly fix?: string
}

/** Makes a finding; what to do only belongs to what is not as it should be. */
export const finding = (standing: Standing, about: string, found: string, fix?: string): Finding => ({
  standing,
  about,
  found,
  ...(fix === undefined ? {} : { fix })
})

const STANDING_WIDTH = 9
const ABOUT_WIDTH = 16

/** Writes a finding in as many lines as it takes. */
export const renderFinding = ({ about, fix, found, standing }: Finding, columns: number): string => {
  const indent = " ".repeat(STANDING_WIDTH + ABOUT_WIDTH)
  const width = Math.max(40, columns - indent.length)
  const lines = [...wrap(found, width), ...(fix === undefined ? [] : wrap(`→ ${fix}`, width))]
  return lines
    .map((line, index) => (index === 0 ? pad(standing, STANDING_WIDTH) + pad(about, ABOUT_WIDTH) : indent) + line)
    .join("\n")
}
