/** A path of the HTTP server that answers some methods and refuses the others; owns no behaviour behind it. */
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"

/** A short answer to a request that cannot be served: `{"error": "…"}`. */
export const refusal = (
  status: number,
  error: string,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse => HttpServerResponse.jsonUnsafe({ error }, { status, headers })

/** Answers requests for `path`; `HEAD` goes with `GET`, and a method that is not listed gets 405 with `Allow`. */
export const endpoint = <E, R>(
  path: HttpRouter.PathInput,
  methods: ReadonlyArray<"GET" | "POST">,
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) => {
  const allowed: ReadonlyArray<string> = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))
  const methodNotAllowed = refusal(405, `Expected ${allowed.join(", ")}`, { allow: allowed.join(", ") })
  return HttpRouter.add(
    "*",
    path,
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      allowed.includes(request.method) ? handler : Effect.succeed(methodNotAllowed)
    )
  )
}

const notFound = Effect.succeed(refusal(404, "Nothing is served here"))

/** Answers every path that nothing else answers with 404. */
export const unknownPaths = HttpRouter.addAll(
  // Without HEAD: the router falls back to GET for it, and a route of its own would hide the GET routes of others.
  (["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const).map((method) =>
    HttpRouter.route(method, "*", notFound)
  )
)
