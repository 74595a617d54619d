/** Of the element, in its shadow: colours are custom properties, which a page may set. */
import { DRAWING_STYLE } from '../drawing-style.ts';

export const STYLE = `
:host{display:block;min-height:0;height:100%;color-scheme:light dark;
--ntlm-paper:#f4f7fb;--ntlm-card:#fff;--ntlm-ink:#17202c;--ntlm-soft:#526070;--ntlm-line:#d3dbe6;--ntlm-strong:#7d8a9b;--ntlm-accent:#2257d8;--ntlm-accent-soft:#e5edff;--ntlm-on:#fff;
--ntlm-good:#0f7044;--ntlm-good-soft:#e3f5ec;--ntlm-bad:#b3202d;--ntlm-bad-soft:#fdeced;
font:13px/1.45 system-ui,-apple-system,'Segoe UI',sans-serif;color:var(--ntlm-ink)}
@media (prefers-color-scheme:dark){:host{--ntlm-paper:#0d1218;--ntlm-card:#151c26;--ntlm-ink:#e7edf5;--ntlm-soft:#9fadbd;--ntlm-line:#2c3848;--ntlm-strong:#6d7b8f;--ntlm-accent:#86aaff;--ntlm-accent-soft:#1c2b4d;--ntlm-on:#0d1218;--ntlm-good:#53cb92;--ntlm-good-soft:#12301f;--ntlm-bad:#ff8b94;--ntlm-bad-soft:#35181d}}
*{box-sizing:border-box}
[hidden]{display:none!important}
.hidden{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
:focus-visible{outline:2px solid var(--ntlm-accent);outline-offset:-2px}
[role=listbox]:focus-visible{outline:0}.card:has(>[role=listbox]:focus-visible){outline:2px solid var(--ntlm-accent);outline-offset:-1px}
button:focus-visible,summary:focus-visible{outline-offset:2px}
h2,h3,p,ul,ol{margin:0;padding:0}
.soft{color:var(--ntlm-soft)}.bad{color:var(--ntlm-bad)}
.scroll{overflow:auto}
.empty{height:100%}
.flow{height:100%;display:grid;grid-template:auto minmax(0,1fr) auto/minmax(0,1fr) minmax(0,1fr);gap:10px;position:relative}
.head{grid-column:1/3;display:grid;grid-template-columns:auto minmax(0,1fr) auto;gap:14px;align-items:center;min-width:0}
.host{font-size:15px;overflow-wrap:anywhere;max-width:220px}
.why{position:relative;display:grid;grid-template-columns:minmax(0,1fr) auto;gap:10px;align-items:start;background:var(--ntlm-accent-soft);border-left:4px solid var(--ntlm-accent);border-radius:6px;padding:7px 12px;font-size:14px}
.why[data-outcome=accepted]{background:var(--ntlm-good-soft);border-color:var(--ntlm-good)}
.why[data-outcome=rejected],.why[data-outcome=refused]{background:var(--ntlm-bad-soft);border-color:var(--ntlm-bad)}
.sentence{overflow-wrap:anywhere}
summary{cursor:pointer;color:var(--ntlm-accent);font-size:13px;white-space:nowrap}
.more{position:absolute;z-index:3;left:-4px;right:0;top:100%;max-height:60vh;background:var(--ntlm-card);border:1px solid var(--ntlm-line);border-radius:8px;padding:12px 16px;box-shadow:0 8px 30px rgb(0 0 0/18%);font-size:13px}
.more h3{margin:6px 0 4px;font-size:12px;color:var(--ntlm-soft)}.more ol,.more ul{padding-left:20px}.more li{margin-bottom:6px;overflow-wrap:anywhere}
.threads{display:flex;gap:6px;overflow-x:auto;max-width:min(38vw,640px);padding:3px;scrollbar-width:thin}
.thread{flex:none;display:inline-flex;align-items:center;gap:6px;border:1px solid var(--ntlm-line);background:var(--ntlm-card);color:var(--ntlm-ink);border-radius:99px;padding:3px 11px;font:inherit;cursor:pointer;white-space:nowrap}
.thread[aria-selected=true]{background:var(--ntlm-accent-soft);border-color:var(--ntlm-accent);color:var(--ntlm-accent);font-weight:600}
.dot{width:8px;height:8px;border-radius:8px;background:var(--ntlm-strong)}.good .dot{background:var(--ntlm-good)}.bad .dot{background:var(--ntlm-bad)}.asks .dot{background:var(--ntlm-accent)}
.card{background:var(--ntlm-card);border:1px solid var(--ntlm-line);border-radius:10px;overflow:hidden;min-height:0;min-width:0;display:flex;flex-direction:column}
.side{display:grid;grid-template-rows:minmax(0,1fr) minmax(0,1.15fr);gap:10px;min-height:0;min-width:0}
.ladder-pane>.scroll{flex:1;min-height:0;overflow-x:hidden;overscroll-behavior:contain;scrollbar-gutter:stable}
.ladder{display:block}.names{position:sticky;top:0;z-index:1;margin-bottom:-26px;background:var(--ntlm-card)}
.chart{flex:1;min-height:0;display:flex;padding:8px 8px 0}.chart>svg{flex:1;min-width:0;min-height:0;width:100%;height:100%}
.chart.whole{display:block;overflow:auto}.chart.whole>svg{width:auto;height:auto;margin:0 auto;display:block;flex:none}
.caption{display:flex;justify-content:space-between;gap:12px;padding:4px 14px 8px;color:var(--ntlm-soft)}
.standing{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.link{border:0;background:none;color:var(--ntlm-accent);font:inherit;cursor:pointer;padding:0;white-space:nowrap;text-decoration:underline;text-underline-offset:3px}
.bytes-pane h3{font-size:13px;padding:9px 12px 5px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;flex:none}
.problems{list-style:none;flex:none}.problems li{background:var(--ntlm-bad-soft);color:var(--ntlm-bad);padding:3px 12px;overflow-wrap:anywhere}
.bytes{flex:1;min-height:0;display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1.06fr);border-top:1px solid var(--ntlm-line)}
.tree{border-right:1px solid var(--ntlm-line);padding:5px 4px}
.node{display:flex;gap:5px;align-items:baseline;padding:1px 5px;border-radius:4px;cursor:default}.said{min-width:0;overflow-wrap:anywhere}
.node[aria-expanded]{cursor:pointer}
.node .offset,.hex .offset{color:var(--ntlm-soft);font:11px ui-monospace,'DejaVu Sans Mono',monospace}
.node .offset{width:36px;text-align:right;flex:none}.node .fold{width:11px;flex:none;color:var(--ntlm-soft)}
.node .name{color:var(--ntlm-soft)}.node .value{font-weight:550;display:inline-block;max-width:100%}.node.masked .value{font-style:italic;font-weight:400;color:var(--ntlm-soft)}
.node .detail{color:var(--ntlm-soft);font-size:12px}
.depth-2{padding-left:17px}.depth-3{padding-left:29px}.depth-4{padding-left:41px}.depth-5{padding-left:53px}.depth-6{padding-left:65px}
.lit{background:var(--ntlm-accent-soft)}
.tree .lit .name,.tree .lit .offset,.tree .lit .detail,.tree .lit .fold{color:var(--ntlm-ink)}
.hex{padding:6px 8px;font:12px/1.55 ui-monospace,'SF Mono','DejaVu Sans Mono',monospace}
.line{display:flex;gap:10px;white-space:pre}.hex .offset{line-height:inherit;font-size:12px;user-select:none}
.byte,.filler{display:inline-block;padding:0 .25ch;white-space:pre}.pairs :nth-child(8n+9){margin-left:.8ch}.pairs{flex:none}
.hex .masked,.ascii{color:var(--ntlm-soft)}
.hex .lit{background:var(--ntlm-accent);color:var(--ntlm-on)}
.hex:focus-visible .cursor{box-shadow:inset 0 -2px 0 var(--ntlm-ink)}
.told{flex:none;color:var(--ntlm-soft);padding:4px 12px 6px;min-height:28px;border-top:1px solid var(--ntlm-line);overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:12px}
footer{grid-column:1/3;display:grid;grid-template-columns:auto minmax(0,1fr) auto;gap:14px;align-items:center;min-width:0}
.player{display:flex;gap:5px}
.player button,.switch button{border:1px solid var(--ntlm-line);background:var(--ntlm-card);color:var(--ntlm-ink);border-radius:8px;padding:5px 11px;min-height:30px;font:inherit;cursor:pointer}
.player .play{background:var(--ntlm-accent);border-color:var(--ntlm-accent);color:var(--ntlm-on);min-width:66px;font-weight:600}
.player svg{display:block}.strip{height:26px;min-width:0;overflow:hidden}
.count{color:var(--ntlm-soft);font-variant-numeric:tabular-nums;white-space:nowrap}
.switch{display:none;gap:6px}.switch button{flex:1;text-transform:capitalize}
.switch button[aria-pressed=true]{background:var(--ntlm-accent-soft);border-color:var(--ntlm-accent);color:var(--ntlm-accent);font-weight:600}
.track{fill:var(--ntlm-line)}.strip path.fold{stroke:var(--ntlm-card);stroke-width:3;stroke-dasharray:3 4}
.bar{fill:var(--ntlm-accent)}.bar.good{fill:var(--ntlm-good)}.bar.bad{fill:var(--ntlm-bad)}.bar.later{fill:var(--ntlm-strong)}
${DRAWING_STYLE}
[data-step],[data-fold]{cursor:pointer}
@media (min-width:1700px){:host{font-size:14px}}
@media (max-width:900px){
.flow{grid-template:auto auto minmax(0,1fr) auto/minmax(0,1fr);gap:8px}.head,footer{grid-column:1}
.head{grid-template-columns:minmax(0,1fr);gap:6px}.host{max-width:none}.threads{max-width:none}.why{font-size:13px}
.switch{display:flex}.side{display:contents}
.card{grid-column:1;grid-row:3}
[data-pane=flow] :is(.chart-pane,.bytes-pane),[data-pane=machine] :is(.ladder-pane,.bytes-pane),[data-pane=message] :is(.ladder-pane,.chart-pane){display:none}
footer{grid-template-columns:minmax(0,1fr) auto}.strip{grid-column:1/3;grid-row:2}.player button{padding:5px 9px}
.bytes{grid-template:minmax(0,1.2fr) minmax(0,1fr)/minmax(0,1fr)}.tree{border-right:0;border-bottom:1px solid var(--ntlm-line)}
.told{white-space:normal;max-height:4.5em}}
@media (max-width:900px) and (max-height:520px){
.head{grid-template-columns:minmax(0,1fr) auto}.head .host{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.threads{max-width:34vw}.why{padding:5px 10px}
.flow{gap:6px;grid-template-rows:auto auto minmax(160px,1fr) auto}footer{grid-template-columns:auto minmax(0,1fr) auto}.strip{grid-column:auto;grid-row:auto}.switch button{min-height:26px;padding:2px 9px}
.told{min-height:0;padding:2px 12px}}
@media (min-width:481px) and (max-width:900px) and (max-height:520px){.bytes{grid-template:minmax(0,1fr)/minmax(0,1fr) minmax(0,1fr)}.tree{border-bottom:0;border-right:1px solid var(--ntlm-line)}}
@media (max-width:480px) and (max-height:520px){.head{grid-template-columns:minmax(0,1fr)}.threads{max-width:none}.strip{display:none}.player{gap:3px}.player button{padding:4px 6px}.player .play{min-width:52px}.count{white-space:normal;text-align:right}footer{grid-template-columns:auto minmax(0,1fr);gap:8px}}
@media (prefers-reduced-motion:reduce){*{transition:none!important;scroll-behavior:auto!important}}
@media (forced-colors:active){
:host{--ntlm-paper:Canvas;--ntlm-card:Canvas;--ntlm-ink:CanvasText;--ntlm-soft:CanvasText;--ntlm-line:CanvasText;--ntlm-strong:CanvasText;--ntlm-accent:Highlight;--ntlm-accent-soft:Canvas;--ntlm-on:HighlightText;--ntlm-good:CanvasText;--ntlm-good-soft:Canvas;--ntlm-bad:CanvasText;--ntlm-bad-soft:Canvas}
.dot,.player .play{forced-color-adjust:none}.dot{border:1px solid}.link,summary{color:LinkText}.good .dot,.bad .dot{background:CanvasText}.bad .dot{border-radius:0}
.hex .lit,.lit{outline:2px solid Highlight}.thread[aria-selected=true],.switch button[aria-pressed=true]{outline:2px solid Highlight}
.ladder .row:not(.now) .chip-text,.ladder .row.fold .label{fill:CanvasText}.band rect{stroke:CanvasText;stroke-dasharray:2 4}.life,.track{opacity:.5}
.row.now .hit{stroke-width:2}.ladder .row.now :is(.pill,.chip),.six .box.lit rect,.whole .state.active rect{fill:Highlight;stroke:Highlight}
.six .way.taken path,.whole .way.taken path:not(.head){stroke:Highlight}.whole .way.taken text,.whole .taken .everywhere{fill:CanvasText}
.bar{stroke:CanvasText}.bar.later{fill:Canvas}}
`;
