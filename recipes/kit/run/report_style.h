// The style sheet of report.html and of comparisons: light and dark, 400 px to wide screens.
#ifndef ROUX_RECIPES_KIT_RUN_REPORT_STYLE_H_
#define ROUX_RECIPES_KIT_RUN_REPORT_STYLE_H_

namespace roux::kit {

// The eight series colours of each scheme stand out from the card (contrast 3 and more) and from each other,
// also for readers who see no red, no green or no blue; report_test.cc computes both.
inline constexpr char kReportStyle[] = R"css(
:root{color-scheme:light dark;--page:#f7f7f5;--card:#ffffff;--ink:#1c1c1a;--muted:#62615c;--grid:#e6e5e1;--edge:#dddcd7;
--holds:#0a7d33;--holds-bg:#e3f4e7;--fails:#b3261e;--fails-bg:#fbe6e4;--unsure:#8a5a00;--unsure-bg:#fbf0d9;--idle:#5d5c58;--idle-bg:#ecebe7;
--series-1:#1f3beb;--series-2:#e8713b;--series-3:#853c80;--series-4:#1796ff;--series-5:#061026;--series-6:#a48aa4;--series-7:#c71e00;--series-8:#6a1918}
@media (prefers-color-scheme:dark){:root{--page:#161615;--card:#1f1f1d;--ink:#f1f0ec;--muted:#a3a29c;--grid:#33322f;--edge:#3a3936;
--holds:#6fd08c;--holds-bg:#173322;--fails:#ff8a80;--fails-bg:#3d1b19;--unsure:#e8b84a;--unsure-bg:#382b10;--idle:#b5b4ae;--idle-bg:#2b2a28;
--series-1:#8ce0ff;--series-2:#ca421e;--series-3:#ffd111;--series-4:#a54cff;--series-5:#faffc8;--series-6:#3e769e;--series-7:#f98f7c;--series-8:#98a0ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1000px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:18px;margin:36px 0 12px}h1,h2,p{overflow-wrap:anywhere}
.sub{color:var(--muted);margin:0 0 20px}
.partial{background:var(--unsure-bg);color:var(--unsure);border-radius:10px;padding:10px 16px;margin:0 0 20px}
.tiles{display:flex;gap:12px;flex-wrap:wrap}
.tile{flex:1 1 130px;background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:12px 16px}
.tile b{display:block;font-size:26px;line-height:1.2;font-variant-numeric:tabular-nums}.tile span{color:var(--muted)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--edge);border-radius:10px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:9px 14px;border-top:1px solid var(--grid);overflow-wrap:break-word}
thead th{border-top:0;color:var(--muted);font-weight:500;font-size:13px}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}
.wide th,.wide td{padding:9px 8px}
td.t{min-width:12em}
small{color:var(--muted);font-size:12.5px}td small{display:block}
.claims .claim{min-width:220px}
.verdict{display:inline-block;padding:1px 9px;border-radius:99px;font-weight:600;font-size:13px;white-space:nowrap}
.holds{color:var(--holds);background:var(--holds-bg)}.fails{color:var(--fails);background:var(--fails-bg)}
.unsure{color:var(--unsure);background:var(--unsure-bg)}.idle{color:var(--idle);background:var(--idle-bg)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px}
figure{margin:0;min-width:0;background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:12px 12px 8px}
figcaption{font-weight:600;overflow-wrap:anywhere}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:13px;margin-top:4px;overflow-wrap:anywhere}.legend small{flex:1 1 100%}
.key{width:24px;height:12px;margin-right:6px;vertical-align:-1px}
.plot{display:block;width:100%;max-width:620px;height:auto;margin-top:6px}
.grid{stroke:var(--grid);stroke-width:1}.axis{fill:none;stroke:var(--muted);stroke-width:1}
.tick,.label{fill:var(--muted);font-size:13px}.tick{font-variant-numeric:tabular-nums}
.line{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.dashed{stroke-dasharray:5 5}.again{stroke-dasharray:1 4 7 4}
.band{fill:var(--c);fill-opacity:.16}.bar{fill:none;stroke:var(--c);stroke-width:1.2;stroke-opacity:.6}
.mark{fill:none;stroke:var(--c);stroke-width:1.3;pointer-events:all}.mark:hover{fill:var(--c)}
.hit{fill:transparent}.hit:hover{fill:var(--c);fill-opacity:.45}
.note{color:var(--muted);font-size:12.5px;margin:2px 0 4px}
dl{display:grid;grid-template-columns:minmax(0,max-content) minmax(0,1fr);gap:2px 18px;margin:0;padding:12px 16px}
dt{color:var(--muted)}dt,dd{overflow-wrap:anywhere}dd{margin:0;font-variant-numeric:tabular-nums}
@media (max-width:640px){main{padding:20px 12px 40px}h1{font-size:22px}th,td{padding:7px 10px}.tile{padding:8px 12px}
.claims thead{display:none}.claims tr{display:block;padding:8px 12px;border-top:1px solid var(--grid)}.claims tr:first-child{border-top:0}
.claims td{display:block;border:0;padding:1px 0}.claims td.n{text-align:left;white-space:normal}
.claims td.n::before{content:attr(data-name) " ";color:var(--muted);font-size:12.5px}.claims td.n small{display:inline;margin-left:6px}}
)css";

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_REPORT_STYLE_H_
