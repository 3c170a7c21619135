/** A word before a full stop in, what that full stop can mean out; and the words that tell a new sentence from a running one. Pure data; owns no text. */

/**
 * What a full stop after a word can mean.
 *
 * - `Never` — it belongs to the word, and a sentence never ends with it (`Dr.`, `e.g.`)
 * - `Inside` — it belongs to the word; a sentence may end with it, but a capital after it is usually a name (`Inc.`, `U.S.`)
 * - `Either` — it belongs to the word; a capital after it usually begins a sentence (`p.m.`, `etc.`)
 * - `BeforeNumber` — it belongs to the word only in front of a number (`No. 5`)
 * - `None` — an ordinary word
 */
export type Abbreviation = "Never" | "Inside" | "Either" | "BeforeNumber" | "None"

const words = (list: string): ReadonlyArray<string> => list.split(/\s+/).filter((word) => word !== "")

const kinds: ReadonlyArray<readonly [Abbreviation, string]> = [
  [
    "Never",
    `Dr dr Mr mr Mrs mrs Ms Mx Prof prof Rev Hon Pres Gov Sen Rep Gen Col Maj Capt Cpt Cmdr Lt Sgt Cpl Pvt Messrs
     Mt Ft e.g eg i.e ie vs v.s viz cf approx ca incl excl resp
     Hr Hrn Fr z.B d.h bzw sog ggf evtl inkl zzgl Nr Abb Tel vgl
     Sra Srta Dra Dña M MM Mme Mmes Mlle c.-à-d ej p.ej EE
     Sig Sig.ra Dott Dhr dhr mevr Mevr bijv np tzn tj t.ex bl.a т.е т.к г ул им
     डॉ प्रो श्री`
  ],
  [
    "Inside",
    `St Ave Blvd Rd Ln Ct Pl Sq Hwy Pkwy Apt Ste Bldg Inc Ltd Corp Co Bros Assn Dept dept Univ Inst Jr Sr Esq
     est Est ext Ext Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri
     al ft oz lb lbs hr hrs min mins sec secs tsp tbsp mph misc temp
     Str str Std Mio Mrd Chr J.-C Ud Uds UU Av Avda env`
  ],
  ["Either", `a.m p.m A.M P.M am pm etc usw uvm ecc enz itd etcétera`],
  [
    "BeforeNumber",
    `No no Nos nos Fig fig Figs figs Sec Ch ch Vol vol p pp Pp Art art Eq eq Ex Sat Sun Op op núm Núm pág Pág
     Abs Art Bd Kap стр рис`
  ]
]

const listed: ReadonlyMap<string, Abbreviation> = new Map(
  kinds.flatMap(([kind, list]) => words(list).map((word) => [word, kind] as const))
)

/** One or two letters between full stops: `U.S`, `Ph.D`, `J.K`. */
const dotted = /^(?:\p{L}\p{M}*){1,2}(?:\.(?:\p{L}\p{M}*){1,2})+$/u

/** One letter that can stand for a name: a capital, or a letter of a script without capitals. */
const initial = /^[\p{Lu}\p{Lt}\p{Lo}]\p{M}*$/u

/** What the full stop after `word` (given without it) can mean. */
export const abbreviation = (word: string): Abbreviation =>
  listed.get(word) ?? (initial.test(word) || dotted.test(word) ? "Inside" : "None")

const starters: ReadonlySet<string> = new Set(
  words(
    `The This That These Those There Then They Their Its It I We You He She His Her My Your Our A An
     If In On At For From To And But Or So Yet Because When Where What Who Why How Which While After Before Once Also
     However Now Next Finally First Please Let Lets Can Could Would Should Will Do Does Did Is Are Was Were Have Has Had
     Not No Yes Ok Okay Sure Thanks Thank Sorry Here As By With Without Just Maybe Perhaps Any Some All Both Each Every
     Another Anyway Well Right Great Good Hello Hi Only Still Since Until Though Although Otherwise Instead Nobody
     Everyone Everything Nothing Tell Call Give
     Das Der Die Den Dem Dann Dort Da Ein Eine Es Er Sie Ich Wir Ihr Und Aber Oder Wenn Wie Wo Wann Warum Bitte Danach
     El Los Las Un Una Unos Unas Ella Ellos Yo Nosotros Usted Pero Si Cuando Donde Luego Entonces Por Para
     Le Les Une Il Elle Ils Nous Vous Je Mais Quand Puis Ensuite Donc Dans`
  )
)

/** Whether a capitalised word is a usual first word of a sentence rather than (part of) a name. */
export const startsSentence = (word: string): boolean => starters.has(word)

const months = words(
  `January February March April May June July August September October November December
   Januar Februar März Mai Juni Juli Oktober Dezember Jänner`
)

const afterTime: ReadonlySet<string> = new Set([
  ...words(
    `ET EST EDT CT CST CDT MT MST MDT PT PST PDT GMT UTC BST CET CEST IST JST Eastern Central Mountain Pacific
     Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun`
  ),
  ...months
])

/** Whether a capitalised word carries on after `p.m.` and the like: a time zone, a day, a month. */
export const continuesTime = (word: string): boolean => afterTime.has(word)

const afterOrdinal: ReadonlySet<string> = new Set([
  ...months,
  ...words(`Jahrhundert Jahrhunderts Klasse Stock Etage Platz Mal Tag Tage Woche Runde Kapitel Geburtstag`)
])

/** Whether a capitalised word carries on after a number with a full stop, where that is how ordinals are written (`3. Mai`). */
export const followsOrdinal = (word: string): boolean => afterOrdinal.has(word)
