/** Lets a media stream in by the token of its call, by that of the browser phone, or as it is where nothing is verified. */
import { Effect, Layer, Option, Struct } from "effect"
import { type Start } from "../schema/Twilio.ts"
import { EdgeConfig } from "../services/EdgeConfig.ts"
import { StreamAdmission, StreamRefused } from "../services/StreamAdmission.ts"
import { StreamTokens } from "../services/StreamTokens.ts"
import { admits, type PhoneAccess, TOKEN_PARAMETER, WATCH_PARAMETER } from "./PhoneAccess.ts"

/** No browser phone at all. */
export const noPhone: PhoneAccess = { enabled: false, token: undefined }

const refuse = (reason: StreamRefused["reason"]) => Effect.fail(new StreamRefused({ reason }))

/** The frame without the token: what is used up is of no use to a call and those who watch it. */
const withoutToken = (frame: Start): Start => ({
  ...frame,
  start: { ...frame.start, customParameters: Struct.omit(frame.start.customParameters ?? {}, [TOKEN_PARAMETER]) }
})

/**
 * Carrier calls need the token that their webhook was given, browser phones (and other clients of ours) the phone's.
 *
 * Where nothing is verified, carrier calls need none. Where something is, a phone that needs no token is refused too:
 * whoever says to be one would be let in.
 */
export const layer = (phone: PhoneAccess): Layer.Layer<StreamAdmission, never, EdgeConfig | StreamTokens> =>
  Layer.effect(
    StreamAdmission,
    Effect.gen(function* () {
      const { verification } = yield* EdgeConfig
      const tokens = yield* StreamTokens

      const admitCarrier = (frame: Start, token: string | undefined) => {
        if (verification === undefined) return Effect.succeed(frame)
        if (token === undefined) return refuse("no token")
        return Effect.flatMap(
          tokens.redeem(frame.start.callSid, token),
          Option.match({ onNone: () => Effect.succeed(withoutToken(frame)), onSome: refuse })
        )
      }

      const admitPhone = (frame: Start, token: string | undefined) => {
        if (!phone.enabled) return refuse("no browser phone here")
        if (phone.token === undefined && verification !== undefined) return refuse("browser phone without PHONE_TOKEN")
        return admits(phone, token) ? Effect.succeed(frame) : refuse("wrong phone token")
      }

      return StreamAdmission.of({
        admit: (frame) => {
          const parameters = frame.start.customParameters ?? {}
          const token = parameters[TOKEN_PARAMETER]
          const hasPhoneToken = phone.token !== undefined && admits(phone, token)
          return hasPhoneToken || parameters[WATCH_PARAMETER] !== undefined
            ? admitPhone(frame, token)
            : admitCarrier(frame, token)
        }
      })
    })
  )
