/** The page's only style sheet: two colour schemes, narrow and wide, print. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --panel: #f6f7f9; --ink: #1b1f24; --soft: #57606a; --line: #d5dae0; --link: #0757ae;
  --exact: #1a7f4b; --drift: #8f5f00; --diverged: #c02626; --rejected: #7b3fbf; --unstable: #4a6785; --error: #444b53;
  --mark: #fff0bf; --mark-ink: #1b1f24; --wanted: #e5f4ea; --got: #fdeaea;
  --opening: #a0529c; --reasoning: #2b6cb0; --closing: #a0529c; --content: #2f7d4f; --tool-call: #9a5b13; --prompt: #8b949e; --unknown: #c02626;
  --seam: #d4380d;
  --mono: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #101418; --panel: #171c22; --ink: #e3e7eb; --soft: #a0a9b3; --line: #313942; --link: #79b8ff;
    --exact: #4cc38a; --drift: #e0aa3e; --diverged: #ff7b72; --rejected: #c297ff; --unstable: #93b1cf; --error: #b3bac2;
    --mark: #574708; --mark-ink: #fff; --wanted: #14301f; --got: #3b1a1c;
    --opening: #d58fd1; --reasoning: #79b8ff; --closing: #d58fd1; --content: #63c68c; --tool-call: #e0a458; --prompt: #8b949e; --unknown: #ff7b72;
    --seam: #ff8f66;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere;
}
main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
main:focus { outline: none; }
footer { color: var(--soft); font-size: .85rem; padding-bottom: 3rem; border-top: 1px solid var(--line); margin-top: 4rem; }
h1, h2, h3, h4 { line-height: 1.25; font-weight: 650; text-wrap: balance; }
h1 { font-size: 1.9rem; margin: .1rem 0 .2rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 3rem 0 .75rem; }
h3 { font-size: 1.15rem; margin: .4rem 0 .3rem; }
h4 { font-size: .95rem; margin: 1rem 0 .35rem; }
p { margin: .5rem 0; max-width: 48rem; }
a { color: var(--link); text-underline-offset: .15em; }
code, pre, .id, .piece { font-family: var(--mono); unicode-bidi: isolate; }
code { font-size: .88em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem; z-index: 2; }
.note { color: var(--soft); font-size: .875rem; }
.warning { border-left: 3px solid var(--drift); padding: .25rem .75rem; background: var(--panel); }

.top { padding-top: 2.25rem; }
.brand { color: var(--soft); font-size: .85rem; margin: 0; }
.lead { font-size: 1.15rem; margin: 0 0 1rem; }
.facts { color: var(--soft); font-size: .875rem; max-width: none; }
.facts span:not(:last-child)::after { content: " · "; }
.totals, .legend { list-style: none; padding: 0; margin: .6rem 0; display: flex; flex-wrap: wrap; gap: .35rem 1.1rem; }
.badge { white-space: nowrap; font-weight: 500; }
.badge b { font-variant-numeric: tabular-nums; }
.b-exact { color: var(--exact); } .b-drift { color: var(--drift); } .b-diverged { color: var(--diverged); }
.b-rejected { color: var(--rejected); } .b-unstable { color: var(--unstable); } .b-error { color: var(--error); }
.v-exact { fill: var(--exact); } .v-drift { fill: var(--drift); } .v-diverged { fill: var(--diverged); }
.v-rejected { fill: var(--rejected); } .v-unstable { fill: var(--unstable); } .v-error { fill: var(--error); }
.bar { display: block; width: 100%; border-radius: 2px; }
.bar.wide { height: 14px; } .bar.cell { height: 5px; margin: .3rem 0; min-width: 5.5rem; }
.swatch { width: 8px; height: 14px; margin-right: .4rem; vertical-align: -2px; }

.scroll { position: relative; overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; font-size: .875rem; }
th, td { text-align: left; padding: .35rem 1.1rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; overflow-wrap: normal; }
td:last-child, th:last-child { padding-right: 0; }
thead th { color: var(--soft); font-size: .82rem; white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td code { overflow-wrap: break-word; }
.chart { width: 18rem; min-width: 8rem; vertical-align: middle; }
.share { display: block; width: 100%; max-width: 22rem; height: 8px; }
.share .track { fill: var(--line); } .share .plain { fill: var(--reasoning); }
.matrix td, .matrix th { padding-right: 1.6rem; }
.matrix th[scope=row], .matrix td { white-space: nowrap; }
.share-exact { font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.matrix .whole .share-exact { color: var(--exact); }
.of { color: var(--soft); font-size: .82rem; white-space: nowrap; }
.rest { display: flex; flex-direction: column; font-size: .82rem; }
.empty { color: var(--soft); }
.map { width: 100%; } .map td, .map th { padding-top: .2rem; padding-bottom: .2rem; }
.map tbody th { white-space: nowrap; } .map .chart { width: 100%; min-width: 13rem; }
.strip { display: block; width: 100%; height: 14px; background: linear-gradient(var(--line), var(--line)) bottom / 100% 1px no-repeat; }
.heat .h4 { background: var(--wanted); font-weight: 600; } .heat .h0 { color: var(--soft); }
.heat td { padding-left: .6rem; padding-right: .6rem; }

.tools { display: flex; flex-wrap: wrap; gap: .6rem 1.1rem; align-items: center; margin: .75rem 0 .25rem; }
.tools fieldset { border: 0; padding: 0; margin: 0; display: flex; flex-wrap: wrap; gap: .3rem .9rem; }
.search input { width: 12rem; max-width: 60vw; }
input, button { font: inherit; font-size: .875rem; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: 4px; padding: .2rem .55rem; }
input[type=checkbox] { accent-color: var(--link); margin: 0 .25rem 0 0; vertical-align: -1px; }
button { cursor: pointer; background: var(--panel); white-space: nowrap; }
button:hover { border-color: var(--ink); }

.finding { border-top: 2px solid var(--ink); margin-top: 2.75rem; padding-top: .6rem; }
.kicker { display: flex; flex-wrap: wrap; gap: .1rem .9rem; color: var(--soft); font-size: .9rem; margin: 0; max-width: none; }
.ordinal { color: var(--ink); font-weight: 650; }
.summary { font-size: 1rem; }
.where { color: var(--soft); font-size: .9rem; }
.refusal { margin: 1rem 0; padding: .4rem .9rem; border-left: 3px solid var(--rejected); background: var(--panel); }
.refusal p { margin: 0; color: var(--soft); font-size: .85rem; }

.token { display: inline-flex; flex-direction: column; align-items: center; position: relative; padding: .1rem .22rem; margin: 0 1px 3px 0; background: var(--panel); border-bottom: 3px solid var(--phase, var(--line)); border-radius: 2px 2px 0 0; vertical-align: bottom; line-height: 1.3; max-width: 100%; }
.piece { font-size: .86rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.unknown-piece { color: var(--soft); }
.id { font-size: .68rem; color: var(--soft); }
.sequence, figure { margin: 1.1rem 0; }
figcaption { color: var(--soft); font-size: .875rem; margin-bottom: .35rem; }
.tokens { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; align-items: flex-end; gap: .35rem .3rem; }
.run { display: inline-block; max-width: 100%; }
.run-name { display: block; color: var(--phase); font-size: .72rem; line-height: 1.4; }
.run.prompt { --phase: var(--prompt); } .run.opening { --phase: var(--opening); } .run.reasoning { --phase: var(--reasoning); }
.run.closing { --phase: var(--closing); } .run.content { --phase: var(--content); } .run.tool-call { --phase: var(--tool-call); } .run.unknown { --phase: var(--unknown); }
.run.prompt .run-name { color: var(--soft); }
.run.prompt .token { border-bottom-style: dotted; } .run.opening .token, .run.closing .token { border-bottom-style: double; }
.run.content .token { border-bottom-style: solid; } .run.reasoning .token { border-bottom-style: dashed; } .run.tool-call .token { border-bottom-style: ridge; }
.token.differs { background: var(--mark); color: var(--mark-ink); outline: 2px solid var(--diverged); }
.token.differs .id { color: inherit; }
.flag { font-size: .68rem; color: inherit; white-space: nowrap; }
.seam { align-self: stretch; display: flex; align-items: center; border-left: 3px solid var(--seam); padding-left: .3rem; min-height: 3.4rem; }
.seam span { color: var(--seam); font-weight: 650; font-size: .8rem; writing-mode: vertical-rl; transform: rotate(180deg); }
.gap { color: var(--soft); font-size: .85rem; padding: .6rem .2rem; }
.difference td, .difference th { border-bottom: 0; padding: .15rem .3rem; text-align: center; vertical-align: bottom; }
.difference caption { padding-bottom: .1rem; }
.difference tbody th { text-align: left; padding-right: .8rem; color: var(--soft); position: sticky; left: 0; background: var(--paper); vertical-align: middle; }
.difference thead th { font-size: .72rem; font-variant-numeric: tabular-nums; }
.difference .differs { color: var(--diverged); font-weight: 650; }
.difference .piece { white-space: pre; overflow-wrap: normal; }
.difference .token { background: none; border-bottom: 0; margin: 0; }
.difference .wanted { background: var(--wanted); } .difference .got { background: var(--got); }
.difference td.wanted .piece, .difference td.got .piece { font-weight: 650; }
.difference .none { color: var(--soft); } .nothing { font-size: .75rem; }
.texts { margin: .75rem 0; display: grid; gap: .3rem; }
.texts > div { display: grid; grid-template-columns: 4rem minmax(0, 1fr); }
.texts dt { color: var(--soft); font-size: .9rem; } .texts dd { margin: 0; }
mark { background: var(--mark); color: var(--mark-ink); padding: 0 .1em; text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: .2em; }

details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--link); font-size: .92rem; padding: .15rem 0; }
details > :not(summary) { margin-left: .95rem; }
.sides { padding-left: 1.2rem; }
.sides h4 { margin: .6rem 0 .2rem; }
.sides dl { margin: 0; } .sides dl > div { display: grid; grid-template-columns: 6rem minmax(0, 1fr); gap: .5rem; padding: .1rem 0; }
.sides dt { color: var(--soft); font-size: .875rem; } .sides dd { margin: 0; }
pre { background: var(--panel); padding: .6rem .8rem; margin: .35rem 0; overflow: auto; max-height: 22rem; border-radius: 4px; font-size: .82rem; line-height: 1.45; }
pre code { font-size: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
.copyable { display: flex; align-items: flex-start; gap: .5rem; }
.copyable pre { flex: 1; min-width: 0; max-height: 8.5rem; }
.copyable button { margin-top: .5rem; }
.timeline { display: block; width: 100%; max-width: 45rem; }
.timeline .axis { stroke: var(--soft); stroke-width: 1; } .timeline .chunk { fill: var(--reasoning); }
.timeline text { fill: var(--soft); font: 11px var(--mono); }
.events { font-size: .82rem; }
.about { margin: 0; } .about > div, .edits > div { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: .75rem; padding: .22rem 0; border-bottom: 1px solid var(--line); font-size: .9rem; }
.about dt { color: var(--soft); } .about dd, .edits dd { margin: 0; }

@media (max-width: 40rem) {
  main, footer { padding: 0 .9rem; }
  h1 { font-size: 1.5rem; }
  .about > div, .edits > div, .sides dl > div { grid-template-columns: 1fr; gap: 0; }
  .copyable { flex-direction: column; gap: .1rem; } .copyable pre { width: 100%; } .copyable button { margin: 0; }
  .matrix td, .matrix th { padding-right: 1rem; }
  details > :not(summary) { margin-left: 0; }
}
@media print {
  :root { --paper: #fff; --panel: #f6f7f9; --ink: #000; --soft: #444; --line: #bbb; --link: #000; --exact: #1a7f4b; --drift: #8f5f00; --diverged: #c02626; --rejected: #7b3fbf; --unstable: #4a6785; --error: #444; --mark: #fff0bf; --mark-ink: #000; --wanted: #e5f4ea; --got: #fdeaea; --opening: #a0529c; --reasoning: #2b6cb0; --closing: #a0529c; --content: #2f7d4f; --tool-call: #9a5b13; --prompt: #777; --seam: #d4380d; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  .tools, .copy, .skip, #status { display: none !important; }
  .scroll, pre { overflow: visible; max-height: none !important; }
  tr, .token, .refusal { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  rect, .token, mark, td { print-color-adjust: exact; }
}
`;
