/** The page's modules for tests in Node: they have no types here, so each test says what it expects of them. */

/** Imports a module of `web/phone` that needs no browser. */
export const load = async <Module>(name: string): Promise<Module> =>
  (await import(new URL(`../../web/phone/${name}`, import.meta.url).href)) as Module
