/** The words found in a segment so far in, what a recogniser tells of them before it is sure out. Pure; hears nothing itself. */

/** What was found last and what was told of it. */
export interface BeliefState {
  readonly found: string
  readonly told: string
}

/** Nothing told yet. */
export const initial: BeliefState = { found: "", told: "" }

/** The text with half of its last word: what a recogniser makes of a word that it has just heard the beginning of. */
const halfHeard = (text: string): string => {
  const last = /\S+$/u.exec(text)?.[0] ?? ""
  return text.slice(0, text.length - last.length) + last.slice(0, Math.ceil(last.length / 2))
}

/**
 * What is told when these words were found: all of them each time, which replaces what was told before; undefined if that
 * is nothing new. With `rewrites` a last word that is new is told wrong at first and put right by the next belief.
 */
export const step = (
  state: BeliefState,
  found: string,
  rewrites: boolean
): readonly [BeliefState, string | undefined] => {
  const told = rewrites && found !== state.found ? halfHeard(found) : found
  return [{ found, told }, told === state.told ? undefined : told]
}
