"""How the pages look: one sheet, light and dark, on a telephone, a screen and paper."""

from __future__ import annotations

from typing import Final

# Colours of curves are those of Okabe and Ito, darkened or lightened for contrast with the paper (3:1 and more);
# each curve has dashes of its own too.
STYLE: Final = """
:root { color-scheme: light dark;
  --paper: #fdfcfa; --sheet: #f4f1ea; --ink: #1d1b18; --soft: #5f5a52; --rule: #d8d2c6; --faint: #e8e3d9;
  --s1: #0068a3; --s2: #b84a00; --s3: #7a4a8c; --s4: #4b4b4b; --good: #17663a; --bad: #a3231c; --warn: #855600;
  --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4", Cambria, Georgia, serif;
  --sans: "Inter", "Source Sans 3", system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #16171a; --sheet: #1f2125; --ink: #e9e6e0; --soft: #aaa59b; --rule: #3a3d43; --faint: #292b30;
  --s1: #6db9f0; --s2: #f2a254; --s3: #cfa0e0; --s4: #c0c0c0; --good: #6fcb93; --bad: #ff9187; --warn: #ebbc5c; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 var(--sans); }
main { max-width: 1180px; margin: 0 auto; padding: 40px 32px 56px; }
h1 { font: 600 30px/1.2 var(--serif); margin: 0 0 6px; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font: 600 20px/1.3 var(--serif); margin: 0 0 12px; padding-top: 14px; border-top: 1px solid var(--rule); }
h3 { font: 600 16px/1.35 var(--serif); margin: 0; }
section { margin-top: 34px; min-width: 0; }
p { margin: 0; }
header .when { color: var(--soft); overflow-wrap: anywhere; }
.note, figcaption p { color: var(--soft); font-size: 13.5px; max-width: 76ch; }
.note { margin-top: 10px; overflow-wrap: anywhere; }

.verdict { margin: 24px 0 0; padding: 16px 20px; background: var(--sheet); border-left: 6px solid var(--tone);
  display: grid; grid-template-columns: auto 1fr; column-gap: 14px; align-items: baseline; }
.verdict b { font: 600 24px/1.25 var(--serif); color: var(--tone); overflow-wrap: anywhere; }
.verdict i { font: 600 22px/1 var(--sans); color: var(--tone); }
.verdict p { grid-column: 2; overflow-wrap: anywhere; }
.verdict.held { --tone: var(--good); } .verdict.broken, .verdict.unanswered { --tone: var(--bad); }
.verdict.different { --tone: var(--warn); }

dl { margin: 0; } dt { color: var(--soft); font-size: 13px; } dd { margin: 0; }
dl.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr));
  gap: 12px 24px; margin-top: 22px; }
dl.totals dd { font: 500 23px/1.3 var(--serif); font-variant-numeric: lining-nums tabular-nums; white-space: nowrap; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px 28px; }
dl.facts dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
pre { margin: 16px 0 0; padding: 12px 14px; background: var(--sheet); font: 13px/1.55 var(--mono);
  white-space: pre-wrap; overflow-wrap: anywhere; }

details { margin-top: 14px; } summary { cursor: pointer; color: var(--soft); font-size: 13.5px; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--s1); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: lining-nums tabular-nums; }
th { text-align: left; font-weight: 500; font-size: 13px; color: var(--soft); vertical-align: bottom;
  border-bottom: 1px solid var(--rule); padding: 4px 16px 5px 0;
  white-space: nowrap; }
td { padding: 5px 16px 5px 0; border-bottom: 1px solid var(--faint); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
td.good, td.bad, td.warn, td.same { white-space: nowrap; }
td.good { color: var(--good); font-weight: 600; } td.bad { color: var(--bad); font-weight: 600; }
td.warn { color: var(--warn); font-weight: 600; } td.same { color: var(--soft); }
td.code { font: 13px/1.6 var(--mono); } td.any { overflow-wrap: anywhere; min-width: 11em; }
td.wide { min-width: 70px; width: 24%; }
.bar { display: block; height: 12px; margin-top: 5px; background: var(--s1); min-width: 2px; }

.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 44px; }
.beside { display: grid; grid-template-columns: minmax(0, 1fr) 240px; gap: 0 44px; align-items: center; }
figure { margin: 0; min-width: 0; padding-bottom: 46px; break-inside: avoid; }
figure + figure { margin-top: 22px; }
svg.chart { display: block; overflow: visible; width: calc(100% - 74px); height: 190px; margin: 36px 20px 0 54px; }
svg.chart.tall { height: 300px; } svg.curves { overflow: visible; }
svg text { font: 12.5px var(--sans); fill: var(--soft); font-variant-numeric: tabular-nums; }
.ty { text-anchor: end; } .tx { text-anchor: middle; } .name.end { text-anchor: end; }
.grid { stroke: var(--faint); } .axis { stroke: var(--soft); } .mark { stroke: var(--soft); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round;
  vector-effect: non-scaling-stroke; }
.curve.s1, .dot.s1 { stroke: var(--s1); } .curve.s2 { stroke: var(--s2); stroke-dasharray: 7 4; }
.curve.s3 { stroke: var(--s3); stroke-dasharray: 1.5 4.5; stroke-width: 2.5; } .curve.s4 { stroke: var(--s4); }
.dot { fill: var(--s1); stroke-width: 2; } .dot.hollow { fill: var(--paper); }
.shaded { fill: var(--sheet); stroke: var(--faint); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 22px; padding: 0;
  margin: 8px 0 0; font-size: 13.5px; } .legend li { display: flex; align-items: center; gap: 7px; }
svg.sample { width: 36px; height: 12px; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--rule); color: var(--soft); font-size: 13px; }

@media (max-width: 820px) { .pair, .beside { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 560px) {
  main { padding: 24px 16px 40px; } h1 { font-size: 24px; } .spare { display: none; } section { margin-top: 28px; }
  dl.totals { grid-template-columns: 1fr 1fr; } .verdict { padding: 14px; } .verdict p { grid-column: 1 / -1; }
  dl.facts { grid-template-columns: 1fr; gap: 8px; } svg.chart.tall { height: 250px; }
  table { font-size: 13px; } td, th { padding-right: 10px; } td.wide { min-width: 40px; width: 14%; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --sheet: #f2f0ec; --ink: #000; --soft: #444; --rule: #bbb; --faint: #ddd;
    --s1: #0068a3; --s2: #b84a00; --s3: #7a4a8c; --s4: #4b4b4b; --good: #17663a; --bad: #a3231c; --warn: #855600; }
  @page { size: A4; margin: 16mm 15mm; }
  body { font-size: 9.5pt; } .spare { display: none; } td, th { padding-right: 9pt; }
  table, th, td.code, .note, .legend, figcaption p, pre { font-size: 8.5pt; }
  main { padding: 0; max-width: none; } h1 { font-size: 20pt; } h2 { font-size: 14pt; padding-top: 8pt; }
  h2, h3 { break-after: avoid; } section { margin-top: 18pt; } .scroll { overflow: visible; }
  svg.chart { height: 140px; } svg.chart.tall { height: 210px; } figure + figure { margin-top: 8pt; }
  tr, .verdict, dl.totals, dl.facts div, pre { break-inside: avoid; }
  .pair { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 24pt; } .pair section { break-inside: avoid; }
  .beside { grid-template-columns: minmax(0, 1fr) 180px; gap: 0 20pt; }
  dl.totals { grid-template-columns: repeat(6, auto); } dl.totals dd { font-size: 14pt; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
