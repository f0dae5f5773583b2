/** The style sheet of the page: system fonts, light and dark by what the system prefers, nothing from elsewhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --text: #1b2430; --quiet: #586474; --line: #dde2e9; --link: #0b5cad;
  --good: #12713f; --good-soft: #d9f2e3; --doubtful: #8a5300; --doubtful-soft: #fdecc8;
  --bad: #b3202c; --bad-soft: #fbdfe0; --quiet-soft: #e8ebf0; --bar: #1f9d61; --past: #b9c3d0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151c; --card: #18202a; --text: #e6ebf2; --quiet: #9dabbd; --line: #2b3644; --link: #7ab8ff;
    --good: #6fdca1; --good-soft: #143524; --doubtful: #f5c165; --doubtful-soft: #3a2c0f;
    --bad: #ff9a9f; --bad-soft: #451c20; --quiet-soft: #263140; --bar: #37b97a; --past: #44536a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.75rem; }
h1 { margin: 0; font-size: 1.35rem; letter-spacing: -0.01em; }
h2 { margin: 2rem 0 0.75rem; font-size: 1.05rem; }
h3 { margin: 0 0 0.35rem; font-size: 1rem; overflow-wrap: anywhere; }
p { margin: 0.25rem 0; overflow-wrap: anywhere; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
code { font: 0.9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.bar { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: 0.25rem 1.5rem; }
.verdict { font-size: 1.1rem; margin-top: 0.5rem; }
.quiet, footer { color: var(--quiet); font-size: 0.875rem; }
.pill {
  display: inline-block; padding: 0 0.6rem; border-radius: 1rem; font-size: 0.8rem; font-weight: 600;
  white-space: nowrap; background: var(--quiet-soft); color: var(--quiet);
}
.pill.good { background: var(--good-soft); color: var(--good); }
.pill.doubtful { background: var(--doubtful-soft); color: var(--doubtful); }
.pill.bad { background: var(--bad-soft); color: var(--bad); }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.15rem;
  min-width: 0; box-shadow: 0 1px 2px rgb(0 0 0 / 5%);
}
.problem { border-left: 5px solid var(--doubtful); margin-top: 1rem; }
.problem.bad { border-left-color: var(--bad); }
.observed { color: var(--quiet); }
.remedy b { color: var(--good); margin-right: 0.25rem; }
.figure { font-size: 1.5rem; font-weight: 600; letter-spacing: -0.02em; margin: 0.4rem 0; }
dl { margin: 0.75rem 0 0; }
dl div { display: flex; justify-content: space-between; gap: 1rem; padding: 0.3rem 0; border-top: 1px solid var(--line); }
dt { color: var(--quiet); flex: none; max-width: 55%; }
dd { margin: 0; text-align: right; min-width: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
meter { width: 100%; height: 0.75rem; }
meter::-webkit-meter-bar { height: 0.75rem; border: 0; border-radius: 1rem; background: var(--quiet-soft); }
meter::-webkit-meter-optimum-value { border-radius: 1rem; background: var(--bar); }
meter::-webkit-meter-suboptimum-value, meter::-webkit-meter-even-less-good-value { border-radius: 1rem; background: var(--bad); }
.strip { display: block; width: 100%; height: 2.25rem; margin-top: 0.75rem; }
.strip .past { fill: var(--past); }
.strip .current { fill: var(--bar); }
.strip .now { stroke: var(--text); stroke-width: 2px; vector-effect: non-scaling-stroke; }
.strip-ends { display: flex; justify-content: space-between; }
.timeline { list-style: none; margin: 0; padding: 0.25rem 0 0.25rem 0.4rem; }
.timeline li {
  position: relative; display: grid; grid-template-columns: minmax(4.5rem, max-content) 1fr; gap: 0 1rem;
  padding: 0.3rem 0 0.6rem 1.4rem; border-left: 2px solid var(--line);
}
.timeline li::before {
  content: ""; position: absolute; left: -0.44rem; top: 0.7rem; width: 0.75rem; height: 0.75rem; border-radius: 50%;
  background: var(--quiet); box-shadow: 0 0 0 3px var(--page);
}
.timeline li.good::before { background: var(--bar); }
.timeline li.rotation::before { border-radius: 3px; transform: rotate(45deg); }
.timeline li.doubtful::before { background: var(--doubtful); }
.timeline li.bad::before { background: var(--bad); }
.timeline time { color: var(--quiet); font-variant-numeric: tabular-nums; }
.timeline div { grid-column: 2; min-width: 0; overflow-wrap: anywhere; }
.timeline > li > time { grid-column: 1; grid-row: 1; }
.times { font-weight: 600; }
summary { cursor: pointer; color: var(--link); width: max-content; }
footer { padding-top: 1.5rem; padding-bottom: 2rem; }
footer nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; }
.visually-hidden {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
@media (max-width: 30rem) {
  .timeline li { grid-template-columns: 1fr; }
  .timeline div { grid-column: 1; }
}
@media (forced-colors: active) { .pill { border: 1px solid; } }
`;
