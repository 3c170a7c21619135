/** The program: starts the server, or does what the command line asks for. Loads only what that takes. */
const args = process.argv.slice(2)

if (args.length === 0 || (args.length === 1 && args[0] === "serve")) {
  const { main } = await import("./cli/Serve.ts")
  main()
} else {
  const { main } = await import("./cli/Root.ts")
  main(args)
}
