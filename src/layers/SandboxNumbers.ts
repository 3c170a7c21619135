/** Numbers in, the English words for them out, and back. Pure. */

const small = (
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen " +
  "eighteen nineteen"
).split(" ")

const tens = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split(" ")

/** A whole number from 0 to 99 in words; any other one in digits. */
export const numberWords = (value: number): string => {
  if (!Number.isInteger(value) || value < 0 || value > 99) return String(value)
  const ten = tens[Math.floor(value / 10)] ?? ""
  return small[value] ?? (value % 10 === 0 ? ten : `${ten}-${small[value % 10] ?? ""}`)
}

/** The whole number from 0 to 99 that is meant, in digits or in words. */
export const readNumber = (text: string): number | undefined => {
  const words = text.trim().toLowerCase().replace(/\s+/g, "-")
  return Array.from({ length: 100 }, (_, n) => n).find((n) => words === String(n) || words === numberWords(n))
}

/** A length of time for the ear, in halves of a second: "about two and a half seconds". */
export const aboutSeconds = (seconds: number): string => {
  const halves = Math.round(seconds * 2)
  const whole = Math.floor(halves / 2)
  if (seconds >= 99) return `about ${numberWords(Math.round(seconds / 60))} minutes`
  if (halves <= 1) return "about half a second"
  if (halves === 2) return "about one second"
  return `about ${numberWords(whole)}${halves % 2 === 1 ? " and a half" : ""} seconds`
}
