// The look of report.html. Colours are variables, since the plots' canvases read them too.

/** Series colours that stay apart for colour-blind eyes, on white and on near-black; a seventh series repeats the first. */
export const SERIES_COLORS = 6;

export const reportStyle = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --edge: #e3e6eb; --ink: #14181f; --soft: #5a6472; --grid: #eceef2;
  --series-0: #2563eb; --series-1: #e8710a; --series-2: #0b8f6f; --series-3: #b0369a; --series-4: #6b5bd6; --series-5: #8a6a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #161b22; --edge: #272e38; --ink: #e8ebf0; --soft: #98a2b0; --grid: #232a33;
    --series-0: #6ea8ff; --series-1: #ffa04d; --series-2: #3fd0a6; --series-3: #ee8fd9; --series-4: #a99cff; --series-5: #e3c34a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 36px 20px 28px; }
h1 { margin: 0; font-size: 28px; line-height: 1.2; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { margin: 36px 0 12px; font-size: 17px; letter-spacing: -0.01em; }
h3 { margin: 0; font-size: 15px; font-weight: 600; }
p { margin: 6px 0 0; color: var(--soft); overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; min-width: 0; }

.summary { display: flex; flex-wrap: wrap; gap: 1px; margin: 24px 0 16px; overflow: hidden; }
.summary div { flex: 1 1 200px; padding: 13px 16px; box-shadow: 0 0 0 1px var(--edge); }
.summary dt { color: var(--soft); font-size: 13px; }
.summary dd { margin: 1px 0 0; font-weight: 500; line-height: 1.35; overflow-wrap: anywhere; }
.summary .figure { font-size: 21px; font-weight: 600; letter-spacing: -0.02em; white-space: nowrap; }
.summary .unit { display: inline-block; color: var(--soft); font-size: 13px; font-weight: 400; }

.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
.plots figure { margin: 0; padding: 16px 16px 10px; }
.plots figure:first-child, .plots figure:last-child:nth-child(even) { grid-column: 1 / -1; }
.plots figcaption { display: flex; flex-wrap: wrap; gap: 2px 20px; align-items: baseline; }
.y-label { width: 100%; color: var(--soft); font-size: 12px; order: 1; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 0 auto; padding: 0; list-style: none; color: var(--soft); font-size: 13px; }
.legend output { color: var(--ink); font-weight: 500; font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; width: 14px; height: 3px; margin: 0 6px 4px 0; border-radius: 2px; vertical-align: middle; }
${Array.from({ length: SERIES_COLORS }, (_, i) => `.s${i} { background: var(--series-${i}); }`).join('\n')}
.faint { opacity: 0.4; }
.plot { height: 210px; margin-top: 6px; overflow: hidden; }
.plots figure:first-child .plot { height: 330px; }
.u-hz .u-cursor-x { border-color: var(--soft); }

.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
.samples article { padding: 14px 16px; }
.samples h3 { color: var(--soft); font-size: 13px; font-weight: 500; overflow-wrap: anywhere; }
pre {
  max-height: 340px; margin: 8px 0 0; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate;
  font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 16px; text-align: left; border-top: 1px solid var(--edge); }
thead th { border-top: 0; color: var(--soft); font-size: 13px; font-weight: 500; }
.number { text-align: right; }
.settings { columns: 3 250px; column-gap: 32px; margin: 0; padding: 12px 16px; font-size: 13px; }
.settings div { display: flex; justify-content: space-between; gap: 12px; padding: 3px 0; break-inside: avoid; }
.settings dt { color: var(--soft); overflow-wrap: anywhere; }
.settings dd { margin: 0; text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
ul.notes { margin: 0; padding-left: 20px; color: var(--soft); overflow-wrap: anywhere; }
footer { margin-top: 28px; color: var(--soft); font-size: 12px; }
@media (max-width: 640px) {
  main { padding: 22px 12px; }
  h1 { font-size: 23px; }
  .summary div { flex-basis: 40%; padding: 11px 14px; }
  .plots { grid-template-columns: minmax(0, 1fr); }
  .plots figure { padding: 14px 10px 8px; }
  .plots figure:first-child .plot { height: 260px; }
  .legend { margin: 0; width: 100%; order: 2; }
}
`;
