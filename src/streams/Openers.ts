/** What a reply begins with in, whether it stands on its own out: words that people say while they think of what comes next. Pure, English. */

const openers: ReadonlySet<string> = new Set(
  [
    "sure, sure thing, of course, certainly, absolutely, definitely, gladly, okay, ok, alright, all right, right, yes",
    "yes of course, yeah, yep, no, no problem, not at all, great, good, perfect, wonderful, excellent, got it, i see",
    "thanks, thank you, sorry, i'm sorry, i am sorry, well, hello, hi, hey, good morning, good afternoon, good evening",
    "let's see, let me see, one moment, good question, understood, actually, unfortunately, fortunately"
  ].flatMap((line) => line.split(", "))
)

/** Longest opener, with the marks around it, in UTF-16 code units. */
const LONGEST = 24

/** Whether a clause is one that a voice may say before it knows the next: nothing in its melody depends on what follows. */
export const isOpener = (clause: string): boolean =>
  clause.length <= LONGEST &&
  openers.has(
    clause
      .toLowerCase()
      .replaceAll("’", "'")
      .replace(/[^\p{L}' ]/gu, "")
      .trim()
  )
