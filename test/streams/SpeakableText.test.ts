import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { sentences } from "../../src/streams/Sentences.ts"
import { speakable, speakableText, speakableTextWith } from "../../src/streams/SpeakableText.ts"

const cases: Readonly<Record<string, ReadonlyArray<readonly [written: string, spoken: string]>>> = {
  emphasis: [
    ["**Bold** and *it* and ***both***.", "Bold and it and both."],
    ["__Bold__ and _it_ and ~~gone~~.", "Bold and it and gone."],
    ["**Note:** it (*really*) **works**!", "Note: it (really) works!"],
    ['"**Quoted**" and **"quoted"**', '"Quoted" and "quoted"'],
    ["Un**believ**able", "Unbelievable"],
    ["**_Both_** nested", "Both nested"],
    ["这是**重点**内容。", "这是重点内容。"],
    ["*5 items*", "5 items"],
    ["\\*not markup\\*", "*not markup*"]
  ],
  "emphasis that is not closed": [
    ["**Bold sentence one.", "Bold sentence one."],
    ["And two.**", "And two."],
    ["*Well", "Well"],
    ["then_", "then"],
    ["~~Gone", "Gone"],
    ["** And", "And"],
    ["`Code", "Code"]
  ],
  "signs that mean something": [
    ["2", "2"],
    ["5 * 3", "5 * 3"],
    ["5*3*2 and 2**3 and 2 ** 3", "5*3*2 and 2**3 and 2 ** 3"],
    ["snake_case and a_b_c", "snake_case and a_b_c"],
    ["_snake_case_", "snake_case"],
    ["C# and F# and C♯", "C# and F# and C♯"],
    ["a < b and c > d", "a < b and c > d"],
    ["x<5 and y>3", "x<5 and y>3"],
    ["> 5", "> 5"],
    ["+ 5 and +1 555 0100", "+ 5 and +1 555 0100"],
    ["-5 degrees", "-5 degrees"],
    ["arr[0] and foo() and [Note]", "arr[0] and foo() and [Note]"],
    ["Press * or #.", "Press * or #."],
    ["Press *.", "Press *."],
    ["Dial *67 or #31.", "Dial *67 or #31."],
    ["#1 of 20°C", "#1 of 20°C"],
    ["Hello <name>, 1_000 times", "Hello <name>, 1_000 times"],
    ["1/2 + 1/2 = 1", "1/2 + 1/2 = 1"],
    ["AT&T and Q&A", "AT&T and Q&A"],
    ["3 · 4 = 12", "3 · 4 = 12"]
  ],
  code: [
    ["Use `npm_i --save` now.", "Use npm_i --save now."],
    ["Use ``a`b`` now.", "Use a`b now."],
    ["Run ```npm i``` now.", "Run npm i now."],
    ["`**literal**`", "**literal**"],
    ["```js\nconst a = 1\n```", ""],
    ["Look:\n```\ncode\n```\nDone.", "Look:\nDone."],
    ["~~~\ncode\n~~~\nDone.", "Done."],
    ["Here: ```js\ncode```\nDone.", "Here:\nDone."]
  ],
  blocks: [
    ["# Title", "Title"],
    ["### Title ###", "Title"],
    ["- item", "item"],
    ["* item", "item"],
    ["+ item", "item"],
    ["• item", "item"],
    ["- [ ] task", "task"],
    ["- [x] task", "task"],
    ["> quote", "quote"],
    ["> > - **deep**", "deep"],
    ["---", ""],
    ["* * *", ""],
    ["=====", ""],
    ["| Name | Age |", "Name, Age"],
    ["|---|:-:|", ""],
    ["| Ann | 5 |", "Ann, 5"],
    ["- ", ""],
    ["One\n\n- two\n- three", "One\ntwo\nthree"]
  ],
  "numbered lists": [
    ["1. Open it.\n2. Close it.\n3) Go.", "Open it.\nClose it.\nGo."],
    ["1.", "1."],
    ["42. Anything else?", "42. Anything else?"],
    ["1999. A good year.", "1999. A good year."],
    ["3. Mai", "3. Mai"]
  ],
  links: [
    ["See [the docs](https://example.com/a_b) now.", "See the docs now."],
    ['See [a](http://x.com "A title") and [b](/path).', "See a and b."],
    ["See [**bold**](http://x.com/a_(b)).", "See bold."],
    ["![A cat](cat.png) sits", "A cat sits"],
    ["Cut](https://example.com) here", "Cut here"],
    ["A fact[^1] here", "A fact here"],
    ["f[0](x) stays", "f[0](x) stays"],
    ["<https://example.com> or <bob@example.com>", "example.com or bob@example.com"],
    ["Go to https://www.example.com/a_b_c/~d?x=1", "Go to www.example.com/a_b_c/~d?x=1"],
    ["Mail john_doe@example.com", "Mail john_doe@example.com"]
  ],
  HTML: [
    ['<b>Bold</b> and <a href="http://x.com">link</a>', "Bold and link"],
    ["One<br>two<BR/>three", "One two three"],
    ["<p>Text</p><!-- no -->", "Text"],
    ["Tom &amp; Jerry&nbsp;&lt;3", "Tom and Jerry <3"]
  ],
  pictographs: [
    ["Great 😊!", "Great!"],
    ["😊 Great", "Great"],
    ["Hi😊there 👋🏽", "Hi there"],
    ["A 👨‍👩‍👧‍👦 family in 🇩🇪 or 🏴󠁧󠁢󠁥󠁮󠁧󠁿 now", "A family in or now"],
    ["1️⃣ Open and press 2️⃣", "Open and press 2"],
    ["Done ✅ ✔️ ★ ☎︎", "Done"],
    ["Great (😊)!", "Great!"],
    ["Parley™ is", "Parley is"],
    ["What⁉️", "What?!"],
    ["好的😊！", "好的！"],
    ["😊", ""],
    ["🎉🎉 👍", ""]
  ],
  symbols: [
    ["Salt & pepper", "Salt and pepper"],
    ["50% off, 5 % more, 3.5%.", "50 percent off, 5 percent more, 3.5 percent."],
    ["~5 minutes (~$5)", "about 5 minutes (about $5)"],
    ["≈ 10 km and ~/home", "about 10 km and ~/home"],
    ["A • B · C", "A, B, C"],
    ["Berlin → Paris", "Berlin, Paris"],
    ["“Hi,” she’d ‘said’ „so“", '"Hi," she\'d \'said\' "so"'],
    ["Two   spaces\tand\u00a0one", "Two spaces and one"],
    ["zero\u200bwidth\ufeff soft\u00adhyphen", "zerowidth softhyphen"],
    ["%d and %", "%d and %"],
    ["100%的", "100%的"]
  ],
  "other languages": [
    ["« Bonjour ! »", "« Bonjour ! »"],
    ["¿**Cómo** estás?", "¿Cómo estás?"],
    ["こんにちは。**元気**ですか？", "こんにちは。元気ですか？"],
    ["क्‍ष और **नमस्ते**।", "क्‍ष और नमस्ते।"],
    ["می‌خواهم *بروم*", "می‌خواهم بروم"],
    ["- مرحبا 😊", "مرحبا"]
  ],
  "nothing to say": [
    ["", ""],
    ["...", ""],
    ["—", ""],
    ["**", ""],
    ["|", ""],
    ["()", ""]
  ]
}

const run = (parts: ReadonlyArray<string>) => Stream.fromIterable(parts).pipe(speakableText, Stream.runCollect)

describe("SpeakableText", () => {
  for (const [name, table] of Object.entries(cases)) {
    describe(`${name}`, () => {
      for (const [written, spoken] of table) {
        it(`${written.replaceAll("\n", "⏎")} is read ${spoken.replaceAll("\n", "⏎")}`, () =>
          assert.strictEqual(speakable(written), spoken))
      }
    })
  }

  describe("in other languages", () => {
    for (const [language, text, spoken] of [
      ["de", "Salz & Pfeffer, ~5%", "Salz und Pfeffer, etwa 5 Prozent"],
      ["es-MX", "Sal & pimienta al 5 %", "Sal y pimienta al 5 por ciento"],
      ["FR", "~5 % & plus", "environ 5 pour cent et plus"],
      ["ja", "約5% & 6", "約5% & 6"]
    ] as const) {
      it(`${language}: ${text}`, () => assert.strictEqual(speakable(text, { language }), spoken))
    }

    it.effect("as a stage", () =>
      Effect.gen(function* () {
        const spoken = yield* Stream.make("5%").pipe(speakableTextWith({ language: "de" }), Stream.runCollect)
        assert.deepStrictEqual(spoken, ["5 Prozent"])
      })
    )
  })

  describe("as a stage", () => {
    it.effect("leaves out what has nothing to say", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* run(["Hi.", "😊", "---", "", "2"]), ["Hi.", "2"])
      })
    )

    it.effect("says nothing for a code block, however it is cut", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* run(["Look:", "```js", "const a = 1.", "Then b", "```", "Done."]), [
          "Look:",
          "Done."
        ])
        assert.deepStrictEqual(yield* run(["Use ```a.", "B c``` now.", "Ok."]), ["Use", "now.", "Ok."])
        assert.deepStrictEqual(yield* run(["```", "```js", "a", "```", "Ok."]), ["Ok."])
      })
    )

    it.effect("drops the numbers of a list that goes on, and no others", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* run(["1. Open.", "Wait.", "2. Close.", "7. Go."]), [
          "Open.",
          "Wait.",
          "Close.",
          "7. Go."
        ])
      })
    )

    it.effect("keeps nothing from one run to the next", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* run(["```", "code"]), [])
        assert.deepStrictEqual(yield* run(["2. Close."]), ["2. Close."])
      })
    )

    it.effect("reads a reply that was cut into sentences", () =>
      Effect.gen(function* () {
        const reply = [
          "## Plan 🗺️\n\n**First part. Second part.** See [the docs. Really](https://x.com/a?b=c). ",
          "Then:\n1. **Open** it.\n2. Close it.\n\n```js\nopen(); // Now. Then\n```\n",
          "It takes ~5 min. Salt & pepper are 50% off!"
        ].join("")
        const spoken = yield* Stream.fromIterable(reply.split("")).pipe(
          sentences({ firstClauseMinChars: 0 }),
          speakableText,
          Stream.runCollect
        )
        assert.deepStrictEqual(spoken, [
          "Plan",
          "First part.",
          "Second part.",
          "See the docs. Really.",
          "Then:",
          "Open it.",
          "Close it.",
          "It takes about 5 min. Salt and pepper are 50 percent off!"
        ])
      })
    )
  })

  describe("for any text", () => {
    const Word = Schema.Literals(
      "one|Two|snake_case|C#|3.14|$5|1,000|it's|x@y.com|é|你好|नमस्ते|مرحبا|AT&T|a/b|(so)|yes.|no!|why?|so:|5*3|+1".split(
        "|"
      )
    )
    /** Markup that takes no letters with it, whatever comes of it. */
    const lossless =
      "*|**|***|_|__|`|``|[|]|](/)|![|(|)|>|#|##|-|1.|2)|\\|😀|👍🏽|🇩🇪|1️⃣|\ud83d|•|→|“|’| |\n|word|5|漢".split("|")
    const Lossless = Schema.Literals(lossless)
    const Mark = Schema.Literals([
      ...lossless,
      ..."|~|~~|~~~|```|](|](http://x.y)|[^|<|</b>|<b>|<!--|-->|%|&|&amp;|\u200d|\ufe0f".split("|"),
      "|"
    ])

    it.prop("plain words stay as they are", [Schema.Array(Word)], ([words]) => {
      assert.strictEqual(speakable(words.join("  ")), words.join(" "))
    })

    it.prop(
      "emphasis around plain words is not heard",
      [
        Schema.Array(
          Schema.Tuple([Schema.Literals(["**", "__", "***", "~~"]), Schema.Literals(["one", "Two", "é", "你好"])])
        )
      ],
      ([words]) => {
        const marked = words.map(([mark, word]) => mark + word + mark).join(" ")
        assert.strictEqual(speakable(marked), words.map(([, word]) => word).join(" "))
      }
    )

    it.prop(
      "what is left is fit to be said",
      [Schema.Array(Mark)],
      ([marks]) => {
        const spoken = speakable(marks.join(""))
        assert.strictEqual(spoken, spoken.trim())
        assert.notMatch(spoken, /[\p{Regional_Indicator}\ufe0f]|\p{Emoji_Presentation}| {2}|\n\n/u)
      },
      { arbitrary: { runs: 300, size: 30 } }
    )

    it.prop(
      "no letter is lost, added or moved",
      [Schema.Array(Lossless)],
      ([marks]) => {
        const letters = (of: string) => of.replace(/[^\p{L}]/gu, "")
        // More backticks in a row would begin a code block.
        const text = marks.join("").replace(/`{3,}/g, "``")
        assert.strictEqual(letters(speakable(text)), letters(text))
      },
      { arbitrary: { runs: 300, size: 30 } }
    )
  })

  describe("texts of 100,000 characters made to be slow", () => {
    const size = 100_000
    const many = (unit: string) => unit.repeat(Math.ceil(size / unit.length))
    for (const [name, text, spoken] of [
      ["brackets", many("["), ""],
      ["brackets and parentheses", many("[a]("), undefined],
      ["links without end", many("](("), undefined],
      ["nested destinations", `[a](${many("(")}`, undefined],
      ["stars", many("*"), ""],
      ["stars at words", many("*a "), undefined],
      ["double stars in words", many("a**"), undefined],
      ["backticks of all lengths", Array.from({ length: 440 }, (_, i) => "`".repeat(i + 1)).join(" "), ""],
      ["tags without end", many("<a "), undefined],
      ["tag with much in it", `<a ${many("x ")}`, undefined],
      ["comments without end", many("<!--"), undefined],
      ["quotations", many("> "), undefined],
      ["quotations in a row", many(">"), undefined],
      ["lists in lists", many("- "), ""],
      ["lists in lists with a word", `${many("- ")}x`, undefined],
      ["rows", many("|"), undefined],
      ["rules that are none", `${many("-")}x`, undefined],
      ["headings", many("# "), undefined],
      ["closing headings", `# a${many(" #")}x`, undefined],
      ["spaces", `a${many(" ")}b`, "a b"],
      ["pictographs", many("😀 "), ""],
      ["joiners", `😀${many("\u200d")}`, ""],
      ["entities", many("&a"), undefined],
      ["tildes and digits", many("~5"), undefined],
      ["percents", many("5% "), undefined],
      ["bullet dots", many(" •"), undefined],
      ["empty parentheses", many("("), undefined],
      ["backslashes", many("\\"), undefined],
      ["addresses", many("http://"), undefined],
      ["halves of addresses", many("hw"), undefined],
      ["line breaks", many("\n"), ""],
      ["fences in a fence", `\`\`\`\n${many("```a")}`, ""],
      ["words", many("word "), many("word ").trim()]
    ] as const) {
      it(`${name}`, () => {
        const given = speakable(text)
        assert.isTrue(spoken === undefined || spoken === given)
        assert.isAtMost(given.length, 10 * text.length)
      })
    }
  })
})
