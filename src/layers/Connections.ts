/** How many connections a server takes, and how it learns that one of them is dead. Owns none. */

/** Connections that there may be, whatever comes on them: every call has one, and webhooks and pages come on others. */
export const maxConnections = (maxCalls: number): number => 4 * maxCalls + 1000

/**
 * Has the system ask on a connection, once nothing was said on it for so long, in milliseconds, whether the other end is
 * still there: one that is gone without a word, as a machine that was put to sleep, would hold its place for ever.
 */
export const probing = { keepAlive: true, keepAliveInitialDelay: 30_000 } as const
