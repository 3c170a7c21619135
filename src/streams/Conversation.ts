/** What was said so far: turns and heard replies in, the language model's prompt out. Pure. */

/** One thing that was said. */
export interface Message {
  readonly role: "user" | "assistant"
  readonly text: string
}

/** Messages kept for the language model. */
export const MAX_MESSAGES = 40

/** Adds what was said; the oldest messages beyond {@link MAX_MESSAGES} are forgotten. */
export const said = (history: ReadonlyArray<Message>, ...messages: ReadonlyArray<Message>): ReadonlyArray<Message> =>
  [...history, ...messages.filter((message) => message.text.trim() !== "")].slice(-MAX_MESSAGES)

/** One message of a prompt, as `effect/ai` takes it. */
export interface PromptMessage {
  readonly role: "system" | "user" | "assistant"
  readonly content: string
}

/** The prompt that asks for an answer to the caller's latest words. */
export const promptFor = (
  system: string,
  history: ReadonlyArray<Message>,
  words: string
): ReadonlyArray<PromptMessage> => [
  { role: "system", content: system },
  ...said(history, { role: "user", text: words }).map(({ role, text }) => ({ role, content: text }))
]
