/** What the caller hears when the language model fails. */
import { Effect } from "effect"
import { describe } from "@effect/vitest"
import { defaultPhrases as phrases } from "../../src/schema/Phrases.ts"
import { answers, type FaultRow, faultTests } from "../support/FaultCall.ts"
import { done, faultyChat, finish, refusal, response, thought, unreachable, words } from "../support/FaultyChat.ts"

/** The first question cannot be answered; the second one is. */
const apology = [phrases.noAnswer, answers[1]]
const fillerAndApology = [phrases.filler, phrases.noAnswer, answers[1]]
const fine = [...answers]

const row = (
  fault: string,
  first: Parameters<typeof faultyChat>[0],
  hears: ReadonlyArray<string>,
  log: RegExp | undefined,
  more: Partial<FaultRow> = {}
): FaultRow => ({ fault, call: { layer: faultyChat(first) }, hears, logs: log === undefined ? [] : [log], ...more })

const failed = (what: RegExp): RegExp => new RegExp(`^language model: .*${what.source}`)

const afterAnHour = new Date(3_600_000).toUTCString()

describe("the language model", () => {
  faultTests([
    row(
      "refuses the connection",
      () => unreachable("ECONNREFUSED"),
      apology,
      failed(/could not be reached.*ECONNREFUSED/)
    ),
    row("has a host without TLS", () => unreachable("ERR_SSL_WRONG_VERSION_NUMBER"), apology, failed(/ERR_SSL_WRONG/)),
    row("refuses the key (401)", () => refusal(401), apology, failed(/InvalidKey/)),
    row("wants to be paid (402)", () => refusal(402), apology, failed(/uota/)),
    row(
      "limits the rate (429), for one moment",
      (attempt) => (attempt === 0 ? refusal(429) : response([words(answers[0]), finish, done])),
      fine,
      undefined
    ),
    row(
      "limits the rate (429) with Retry-After in seconds",
      () => refusal(429, { "retry-after": "20" }),
      apology,
      failed(/ate limit/)
    ),
    row(
      "limits the rate (429) with Retry-After as a date",
      () => refusal(429, { "retry-after": afterAnHour }),
      apology,
      failed(/ate limit/)
    ),
    row(
      "limits the rate (429) with retry-after-ms",
      () => refusal(429, { "retry-after-ms": "30000" }),
      apology,
      failed(/ate limit/)
    ),
    row(
      "limits the rate (429) with x-ratelimit-reset",
      () => refusal(429, { "x-ratelimit-reset": "60" }),
      apology,
      failed(/ate limit/)
    ),
    row("fails (500)", () => refusal(500), apology, failed(/status 500/)),
    row("is not available (503)", () => refusal(503), apology, failed(/status 503/)),
    row(
      "is slow to begin",
      () => Effect.delay(Effect.succeed(response([words(answers[0]), finish, done])), "3 seconds"),
      [`${phrases.filler} ${answers[0]}`, answers[1]],
      undefined
    ),
    row("accepts and says nothing", () => Effect.never, fillerAndApology, failed(/no answer within 5 s/)),
    row(
      "stalls in the middle",
      () => response([words("We open at nine. And then")], { ending: "stall" }),
      ["We open at nine. And then " + phrases.brokeOff, answers[1]],
      failed(/stopped in the middle/)
    ),
    row(
      "is cut in the middle",
      () => response([words("We open at nine. And then")], { ending: "cut" }),
      ["We open at nine. And then " + phrases.brokeOff, answers[1]],
      failed(/was lost/)
    ),
    row(
      "sends malformed JSON",
      () => response([words("We open at nine. "), 'data: {"choices": [\n\n']),
      ["We open at nine. " + phrases.brokeOff, answers[1]],
      failed(/not JSON/)
    ),
    row("sends malformed events", () => response(["\u0000\u0001 nonsense\n\n:::\n\nevent\n\n"]), apology, failed(/./)),
    row("answers with nothing", () => response([finish, done]), apology, failed(/said nothing/)),
    row(
      "answers with thoughts only",
      () => response([thought("They want to know the time."), finish, done]),
      apology,
      failed(/said nothing/)
    ),
    row("never says that it is done", () => response([words(answers[0]), finish], { ending: "stall" }), fine, undefined)
  ])
})
