/** What a service says about a failure in, what of it may be told anybody out. Owns no error. */

/** A short machine word, such as a code; anything else in its place might be prose, and prose might quote the key or the caller. */
export const machineWord = (value: string | number | null | undefined): string | undefined => {
  const text = String(value ?? "")
  return /^[\w.:/-]{1,80}$/.test(text) ? text : undefined
}
