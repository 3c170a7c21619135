#!/usr/bin/env node
import { existsSync } from "node:fs"
import module from "node:module"

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `Parley is made for Node 22.19 or newer and may not work on this one, which is ${process.versions.node}.`
  )
}

// Keeps compiled code between starts, which makes them faster; older versions of Node cannot.
module.enableCompileCache?.()

const program = new URL("./dist/main.js", import.meta.url)
if (existsSync(program)) {
  await import(program.href)
} else {
  console.error("Parley is not built yet: run `npm run build` first.")
  process.exitCode = 1
}
