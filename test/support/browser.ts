/** A headless Chromium, where one is installed, and pages in it that fail a test by anything they complain about. */
import { Effect, type Scope } from "effect"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"

/** Where Chromium is on the systems it is usually installed on; `CHROMIUM_PATH` names another place. */
export const chromiumPath: string | undefined = [
  process.env["CHROMIUM_PATH"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome"
].find((path) => path !== "" && existsSync(path))

/** What is printed instead of the tests. */
export const noBrowser =
  "skipped: no browser was found; install Chromium (Debian: apt-get install chromium) or set CHROMIUM_PATH"

/** How long a page may take to come to a state, in milliseconds: as long as a busy machine may need. */
export const PATIENCE_MS = 120_000

const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** A browser that hears `microphone` (a WAV file, over and over) or, without one, has no microphone. */
export const launch = (microphone?: string): Effect.Effect<Browser, never, Scope.Scope> => {
  const hearing =
    microphone === undefined
      ? []
      : ["--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${microphone}`]
  return Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "parley-browser-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    )
    return yield* Effect.acquireRelease(
      Effect.promise(() =>
        chromium.launch({
          executablePath: chromiumPath ?? "",
          args: [...quiet, ...hearing],
          env: { ...process.env, HOME: folder }
        })
      ),
      (browser) => Effect.promise(() => browser.close())
    )
  })
}

/** A page, and everything it complained about. */
export interface OpenPage {
  readonly page: Page
  readonly complaints: ReadonlyArray<string>
  /** What went over each socket: `path` of the socket, and the frames the page sent and received. */
  readonly sockets: ReadonlyArray<{
    readonly path: string
    readonly sent: Array<string>
    readonly received: Array<string>
  }>
}

/** Opens a page in a window of its own. */
export const openPage = (
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {}
): Effect.Effect<OpenPage, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })),
      (context) => Effect.promise(() => context.close())
    )
    const page = yield* Effect.promise(() => context.newPage())
    page.setDefaultTimeout(PATIENCE_MS)
    const complaints: Array<string> = []
    const sockets: Array<{ path: string; sent: Array<string>; received: Array<string> }> = []
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
    })
    page.on("pageerror", (error) => complaints.push(String(error)))
    page.on("websocket", (socket) => {
      const { pathname, search } = new URL(socket.url())
      const seen = { path: pathname + search, sent: [] as Array<string>, received: [] as Array<string> }
      sockets.push(seen)
      socket.on("framesent", ({ payload }) => seen.sent.push(payload.toString()))
      socket.on("framereceived", ({ payload }) => seen.received.push(payload.toString()))
    })
    yield* Effect.promise(() => page.goto(url))
    return { page, complaints, sockets }
  })
