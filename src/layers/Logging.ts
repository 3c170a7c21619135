/** The log of the process on standard output: pretty for people, one JSON object a line for machines, without private things unless asked for. */
import { Effect, Layer, Logger, Predicate, Record, References } from "effect"
import { LogConfig } from "../services/LogConfig.ts"

const isPrivate = (key: string): boolean => key.startsWith("pii.")

const withoutPrivateKeys = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.keys(fields).some(isPrivate) ? Record.filter(fields, (_, key) => !isPrivate(key)) : fields

const withoutPrivateFields = (part: unknown): unknown =>
  Predicate.isObject(part) && Object.getPrototypeOf(part) === Object.prototype
    ? withoutPrivateKeys(part as Readonly<Record<string, unknown>>)
    : part

/** Keeps `pii.` annotations, and `pii.` fields of logged objects, from a logger. */
export const withoutPii = <Output>(self: Logger.Logger<unknown, Output>): Logger.Logger<unknown, Output> =>
  Logger.make((options) => {
    const annotations = withoutPrivateKeys(options.fiber.getRef(References.CurrentLogAnnotations))
    // A logger reads annotations from the fiber, so it gets a view of the fiber that answers that one question otherwise.
    const fiber: typeof options.fiber = Object.create(options.fiber, {
      getRef: {
        value: (reference: Parameters<typeof options.fiber.getRef>[0]) =>
          reference === References.CurrentLogAnnotations ? annotations : options.fiber.getRef(reference)
      }
    })
    const message = Array.isArray(options.message)
      ? options.message.map(withoutPrivateFields)
      : withoutPrivateFields(options.message)
    return self.log({ ...options, message, fiber })
  })

/** Replaces the loggers and the least severe level by those of the configuration. */
export const layer: Layer.Layer<never, never, LogConfig> = Layer.unwrap(
  Effect.map(LogConfig, ({ format, includePii, level }) => {
    const logger = format === "json" ? Logger.consoleJson : Logger.consolePretty()
    return Layer.mergeAll(
      Logger.layer([includePii ? logger : withoutPii(logger)]),
      Layer.succeed(References.MinimumLogLevel, level)
    )
  })
)
