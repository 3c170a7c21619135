#!/usr/bin/env node
import("./dist/main.js").catch((error) => {
  console.error(
    error?.code === "ERR_MODULE_NOT_FOUND" && String(error.message).includes("dist/main.js")
      ? "Parley is not built yet: run `npm run build` first."
      : error
  )
  process.exitCode = 1
})
