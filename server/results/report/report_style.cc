#include "server/results/report/report_style.h"

namespace seedbed {
namespace {

constexpr char kStyle[] = R"css(
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --text: #1b1f24; --quiet: #565d66; --rule: #d9dde2; --grid: #e8ebee;
  --doubt: #b3261e;
  --c0: #1f6feb; --c1: #e06a10; --c2: #00906a; --c3: #a0418f; --c4: #5c4700; --c5: #2b2f36;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d0f12; --card: #16191e; --text: #e7eaee; --quiet: #a3abb5; --rule: #343a42; --grid: #262b32;
    --doubt: #ff8a80;
    --c0: #3d8fe0; --c1: #e0702a; --c2: #20a080; --c3: #f0a8e0; --c4: #f5e96b; --c5: #ffffff;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1, h2, h3, h4, p, li, dd { overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 0 0 .5rem; }
h4 { font-size: .9rem; font-weight: 600; margin: 0 0 .4rem; }
.lead { margin: 0 0 1.25rem; color: var(--quiet); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 1rem; margin: 0 0 1rem; }
.definition { margin: 0 0 1rem; color: var(--quiet); font-size: .92rem; max-width: 62rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
.doubt { color: var(--doubt); font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 1.25rem; align-items: end; }
.chart { max-width: 32rem; min-width: 0; }
.plot { display: block; width: 100%; height: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .15rem 1rem; margin: 0 0 .4rem; padding: 0; font-size: .85rem; }
.legend li { display: flex; align-items: center; gap: .4rem; min-width: 0; }
.swatch { width: 30px; height: 14px; flex: none; }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--quiet); font-size: .92rem; }
.scroll { overflow: auto; max-width: 100%; max-height: 28rem; margin-top: .5rem; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .4rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th { position: sticky; top: 0; background: var(--card); color: var(--quiet); font-weight: 600; white-space: normal; vertical-align: bottom; }
.text { text-align: left; }
ul.notes { margin: 0; padding-left: 1.2rem; }
svg text { font: 13px system-ui, sans-serif; fill: var(--quiet); }
svg text.name { fill: var(--text); }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .grid { stroke: var(--grid); }
svg .axis { stroke: var(--quiet); }
svg .guide { stroke: var(--quiet); stroke-dasharray: 2 4; }
.s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); }
.s3 { --c: var(--c3); } .s4 { --c: var(--c4); } .s5 { --c: var(--c5); }
.line { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; }
.s1 .line { stroke-dasharray: 8 3; } .s2 .line { stroke-dasharray: 3 3; } .s3 .line { stroke-dasharray: 10 3 2 3; }
.s4 .line { stroke-dasharray: 14 4; } .s5 .line { stroke-dasharray: 6 2 2 2 2 2; }
.whisker { stroke: var(--c); stroke-width: 1.4; }
.marker { fill: var(--c); stroke: var(--card); stroke-width: 1; }
.bar { fill: var(--c); }
.cloud circle { fill: var(--c); fill-opacity: .45; }
svg text.end-label { fill: var(--text); }
@media (max-width: 30rem) {
  main { padding: 1rem .6rem 2rem; }
  section { padding: .8rem .7rem; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: .5rem; }
}
@media print { details > .scroll { max-height: none; } section { break-inside: avoid; } }
)css";

}  // namespace

absl::string_view ReportStyle() { return kStyle; }

}  // namespace seedbed
