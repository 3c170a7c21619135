/** Looks at everything that calls depend on, one thing after the other, and gives what it finds as it finds it. Owns the order, not the checks. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Context, Effect, Exit, Layer, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import * as AppConfigEnv from "../layers/AppConfigEnv.ts"
import { loadSileroModel, shippedModel } from "../layers/SileroModel.ts"
import { describeCause } from "../layers/Startup.ts"
import { AppConfig } from "../services/AppConfig.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { FallbackConfig } from "../services/FallbackConfig.ts"
import { Provider } from "../services/Provider.ts"
import { type Finding, finding } from "./DoctorFinding.ts"
import { checkProvider } from "./DoctorProvider.ts"
import { checkPublicUrl } from "./DoctorPublicUrl.ts"
import { visitServer } from "./DoctorServer.ts"
import { checkSignature, type SignedCase } from "./DoctorSignature.ts"
import { checkNumbers, TWILIO_API } from "./DoctorTwilio.ts"

/** What to look at besides the configuration. */
export interface DoctorRequest {
  /** A request that was refused; given what the configuration says about the server's origin. */
  readonly signed?: (origin: URL | undefined) => SignedCase | undefined
  /** Root of the carrier's REST API. */
  readonly twilioApi?: URL
}

const checkModel = (path: string | undefined): Effect.Effect<Finding> =>
  Effect.scoped(loadSileroModel(path === undefined ? shippedModel : { path, shipped: undefined })).pipe(
    Effect.as(finding("ok", "voice model", "it loads and runs")),
    Effect.catch(({ message }) => Effect.succeed(finding("broken", "voice model", message)))
  )

const checkVerification = (verified: boolean): Finding =>
  verified
    ? finding("ok", "verification", "only Twilio can place calls")
    : finding(
        "warning",
        "verification",
        "requests are not verified: whoever reaches the server can place calls at your expense",
        "set TWILIO_AUTH_TOKEN and PUBLIC_URL"
      )

/** What was given with `--url` or `--request` and could not be understood. */
const unreadable = finding(
  "broken",
  "signature",
  "the request could not be read",
  "give it as it was sent: the request line, the headers, an empty line, the body"
)

const examineConfigured = (request: DoctorRequest) =>
  Effect.gen(function* () {
    const { server, together, vadModelPath } = yield* AppConfig
    const edge = yield* EdgeConfig
    const second = yield* FallbackConfig
    const provider = yield* Provider
    const one = <E, R>(check: Effect.Effect<Finding, E, R>) => Stream.fromEffect(check)
    const several = <E, R>(check: Effect.Effect<ReadonlyArray<Finding>, E, R>) =>
      Stream.flatMap(Stream.fromEffect(check), Stream.fromIterable)

    const visit = Effect.gen(function* () {
      const { finding: found, server: visited } = yield* visitServer
      if (visited === undefined) return [found]
      return [found, ...(yield* checkPublicUrl(server.publicUrl, visited, edge))]
    }).pipe(Effect.scoped)

    const signed = request.signed?.(server.publicUrl)
    const signature =
      request.signed === undefined
        ? []
        : signed === undefined
          ? [unreadable]
          : checkSignature(signed, edge, [server.port, 8443, 8080])

    return Stream.concat(
      Stream.make(
        finding("ok", "configuration", "every variable can be understood"),
        checkVerification(edge.verification !== undefined)
      ),
      Stream.mergeAll(
        [
          one(checkModel(vadModelPath)),
          provider === "together"
            ? several(checkProvider(together, second))
            : Stream.make(finding("skipped", "provider", "the sandbox answers, which needs no key")),
          several(visit),
          several(checkNumbers(edge, request.twilioApi ?? TWILIO_API)),
          Stream.fromIterable(signature)
        ],
        // In their order, which is the one to mend things in.
        { concurrency: 1 }
      )
    )
  })

/** Everything that was found, in the order in which to mend it. Prints nothing and never fails. */
export const examine = (request: DoctorRequest = {}): Stream.Stream<Finding> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const built = yield* Effect.exit(Layer.build(AppConfigEnv.layer))
      if (Exit.isFailure(built)) {
        const problems = describeCause(built.cause).map((line) => finding("broken", "configuration", line))
        return Stream.concat(Stream.fromIterable(problems), Stream.fromEffect(checkModel(undefined)))
      }
      const context = Context.merge(
        built.value,
        yield* Layer.build(Layer.merge(NodeWS.layerWebSocketConstructor, FetchHttpClient.layer))
      )
      const findings = yield* Effect.provideContext(examineConfigured(request), context)
      return Stream.provideContext(findings, context)
    })
  )
