"""The style sheet of the report: light and dark, colours after Okabe and Ito (2008) for colour-blind readers."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f6f7f9; --line: #dfe3e8; --ink: #1b2430; --soft: #5b6675;
  --blue: #0072b2; --orange: #d55e00; --green: #00795a; --sky: #56b4e9; --warn: #fff4e0; --warn-line: #e69f00;
  --cell: #56b4e9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1b212a; --line: #303946; --ink: #e6eaf0; --soft: #9aa6b5;
    --blue: #56b4e9; --orange: #f0924a; --green: #2fc09a; --sky: #7cc7f0; --warn: #2b2414; --warn-line: #e69f00;
    --cell: #1f6fa5;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main, header > div { max-width: 1040px; margin: 0 auto; padding: 0 24px; }
header { border-bottom: 1px solid var(--line); padding: 32px 0 20px; margin-bottom: 8px; }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 44px 0 6px; letter-spacing: -0.005em; }
h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 4px 0 12px; max-width: 74ch; }
.lead, .hint, figcaption, caption { color: var(--soft); }
.hint, figcaption, caption { font-size: 13px; }
code, pre, .hash { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre {
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; overflow: auto;
  max-height: 560px;
}
dl.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 10px 28px;
  margin: 18px 0 0;
}
dl.facts dt { color: var(--soft); font-size: 12.5px; }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(226px, 1fr)); gap: 12px; margin: 14px 0 6px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px 10px; }
.card .name { color: var(--soft); font-size: 13px; }
.card .number { font-size: 27px; line-height: 1.25; font-variant-numeric: tabular-nums; font-weight: 600; }
.card .beside { color: var(--soft); font-size: 12.5px; font-variant-numeric: tabular-nums; }
ul.notes { list-style: none; margin: 12px 0; padding: 0; }
ul.notes li {
  border-left: 3px solid var(--line); padding: 5px 12px; margin: 6px 0; background: var(--card);
  overflow-wrap: anywhere;
}
ul.notes li.warning { border-color: var(--warn-line); background: var(--warn); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13.5px; margin: 8px 0; }
caption { text-align: left; padding: 4px 0 8px; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--soft); font-size: 12.5px; vertical-align: bottom; white-space: normal; }
th[scope="row"], th.words, td.words { text-align: left; }
th[scope="row"] {
  color: var(--ink); font-size: 13.5px; font-weight: 500; max-width: 300px; overflow: hidden;
  text-overflow: ellipsis;
}
td.words { white-space: normal; overflow-wrap: anywhere; }
tr.total td, tr.total th { border-top: 2px solid var(--line); font-weight: 600; }
.swatch {
  display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 8px;
  border: 1px solid var(--line);
}
figure { margin: 8px 0 0; }
figcaption { margin-top: 4px; }
.tiles figcaption { max-width: 46ch; }
.mistakes svg, .wide svg { width: 100%; }
.tiles { display: flex; flex-wrap: wrap; gap: 14px 22px; align-items: flex-start; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 16px; }
.mistakes figure { border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; margin: 0; }
.mistakes figcaption strong { color: var(--ink); }
.key-true { color: var(--blue); font-weight: 600; }
.key-claim { color: var(--orange); font-weight: 600; }
svg {
  max-width: 100%; height: auto; display: block; font-family: inherit; font-size: 12px;
  font-variant-numeric: tabular-nums;
}
svg text { fill: var(--ink); }
svg .axis, svg .tick { fill: var(--soft); font-size: 11px; }
svg .strong { font-weight: 600; font-size: 12.5px; }
svg .value { fill: var(--soft); font-size: 11.5px; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .chance { stroke: var(--soft); stroke-width: 1.25; stroke-dasharray: 4 4; }
svg .curve { fill: none; stroke: var(--blue); stroke-width: 2; stroke-linejoin: round; }
svg .dot { fill: var(--blue); fill-opacity: 0.75; stroke: var(--page); }
svg .bar { fill: var(--blue); }
svg .cell { fill: var(--cell); }
svg .cell-back { fill: var(--card); }
svg text.on-cell { font-size: 11.5px; }
svg .block { fill: var(--card); stroke: var(--line); }
svg .block-1 { fill: var(--sky); fill-opacity: 0.35; }
svg .block-2 { fill: var(--warn-line); fill-opacity: 0.35; }
svg .block-3 { fill: var(--green); fill-opacity: 0.4; }
svg text.on-block { font-size: 12px; }
svg .wick { stroke: var(--soft); stroke-width: 1; }
svg .candle { stroke: var(--soft); stroke-width: 1; }
svg .candle.up { fill: var(--page); }
svg .candle.down { fill: var(--soft); }
svg .band { fill-opacity: 0.16; }
svg .band.true, svg .strip.true, svg .name.true { fill: var(--blue); }
svg .band.claim, svg .strip.claim, svg .name.claim { fill: var(--orange); }
svg .name { font-size: 11.5px; font-weight: 600; }
footer {
  color: var(--soft); font-size: 12.5px; margin: 48px 0 40px; border-top: 1px solid var(--line);
  padding-top: 12px;
}
@media print { pre { max-height: none; } .mistakes figure, .card { break-inside: avoid; } }
"""
