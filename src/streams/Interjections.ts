/** Words said while the agent has the floor in, what they are meant to do out. Pure, English. */

/** What somebody means who says something while the other one speaks. */
export type Interjection =
  /** Nothing was said. */
  | "none"
  /** "Mm-hm": go on, I am listening. */
  | "backchannel"
  /** "Stop": be quiet at once. */
  | "command"
  /** Anything else: they have something to say. */
  | "words"

const wordSet = (words: string): ReadonlySet<string> => new Set(words.split(" "))

const backchannels = wordSet(
  "mhm mm mmm mm-hm mm-hmm mhmm hm hmm hmmm uh-huh uhuh huh ah aha oh ooh uh um er yeah yep yup yes ok okay right sure " +
    "alright cool great good nice fine i see gotcha got it really wow thanks thank you exactly true indeed"
)

const commands = wordSet("stop wait no nope hold hang pause quiet enough hey sorry excuse cancel actually")

/** Longer than this, an utterance is not a backchannel, whatever its words. */
const MAX_BACKCHANNEL_WORDS = 4

const wordsIn = (text: string): ReadonlyArray<string> =>
  text
    .toLowerCase()
    .split(/[^\p{L}\p{N}'-]+/u)
    .map((word) => word.replace(/^[-']+|[-']+$/gu, ""))
    .filter((word) => word !== "")

/** Number of words in a text. */
export const countWords = (text: string): number => wordsIn(text).length

/** Reads an interjection. */
export const interjection = (text: string): Interjection => {
  const words = wordsIn(text)
  const first = words[0]
  if (first === undefined) return "none"
  if (commands.has(first) || (words.length <= 3 && words.some((word) => commands.has(word)))) return "command"
  return words.length <= MAX_BACKCHANNEL_WORDS && words.every((word) => backchannels.has(word))
    ? "backchannel"
    : "words"
}

/** Whether two transcripts say the same, whatever their case and punctuation. */
export const sameWords = (one: string, other: string): boolean => wordsIn(one).join(" ") === wordsIn(other).join(" ")
