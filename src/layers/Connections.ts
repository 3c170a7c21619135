/** How many connections a server takes. Owns none. */

/** Connections that there may be, whatever comes on them: every call has one, and webhooks and pages come on others. */
export const maxConnections = (maxCalls: number): number => 4 * maxCalls + 1000
