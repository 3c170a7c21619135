/** Jobs of many callers in, the next one out: each caller's in order, the callers in turn. Pure and immutable. */

/** Jobs of one caller that wait, oldest first; there is at least one. */
interface Lane<out A> {
  readonly id: number
  readonly jobs: ReadonlyArray<A>
}

/** All jobs that wait; whose turn it is comes first. */
export type FairQueue<A> = ReadonlyArray<Lane<A>>

/** Adds a job behind the others of its lane. A lane that had none waits until all others have had their turn. */
export const push = <A>(queue: FairQueue<A>, id: number, job: A): FairQueue<A> =>
  queue.some((lane) => lane.id === id)
    ? queue.map((lane) => (lane.id === id ? { id, jobs: [...lane.jobs, job] } : lane))
    : [...queue, { id, jobs: [job] }]

/** The next job, and the queue without it; the lane it came from is the last to be asked again. */
export const take = <A>(queue: FairQueue<A>): readonly [job: A | undefined, rest: FairQueue<A>] => {
  const [lane, ...others] = queue
  if (lane === undefined) return [undefined, queue]
  const [job, ...jobs] = lane.jobs
  return [job, jobs.length === 0 ? others : [...others, { id: lane.id, jobs }]]
}

/** The queue without a job. */
export const remove = <A>(queue: FairQueue<A>, job: A): FairQueue<A> =>
  queue
    .map((lane) => ({ id: lane.id, jobs: lane.jobs.filter((other) => other !== job) }))
    .filter((lane) => lane.jobs.length > 0)
