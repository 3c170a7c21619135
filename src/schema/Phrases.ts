/** What the agent says when it has no words of its own; data only. */

/** Fixed things to say, each a sentence or two for the ear. */
export interface Phrases {
  /** The caller spoke and no words could be made of it. */
  readonly askAgain: string
  /** The answer takes longer than usual. */
  readonly filler: string
  /** No answer could be had. */
  readonly noAnswer: string
  /** The answer broke off. */
  readonly brokeOff: string
  /** Nothing works any more; the agent hangs up, and what comes after it takes over. */
  readonly giveUp: string
  /** Nobody has said anything for a while. */
  readonly stillThere: string
  /** Nobody has said anything for too long; the agent hangs up. */
  readonly nobodyThere: string
  /** The call is about to reach its longest duration. */
  readonly timeWarning: string
  /** The call has reached its longest duration; the agent hangs up. */
  readonly timeUp: string
}

/** Plain English. */
export const defaultPhrases: Phrases = {
  askAgain: "Sorry, I didn't catch that. Could you say it again?",
  filler: "One moment, please.",
  noAnswer: "Sorry, I'm having trouble on my end. Could you say that again?",
  brokeOff: "Sorry, I lost my thread there.",
  giveUp: "I'm sorry, something on my end isn't working, so I have to stop here. Goodbye.",
  stillThere: "Are you still there?",
  nobodyThere: "I can't hear you any more, so I'll hang up now. Goodbye!",
  timeWarning: "Just so you know, we have about half a minute left on this call.",
  timeUp: "Our time on this call is up, so I have to say goodbye now. Thank you for calling!"
}
