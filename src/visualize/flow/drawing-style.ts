/** Of the ladder, the six boxes and the whole charts: for the page, and for a drawing that is saved. */
export const DRAWING_STYLE = `
.ladder text,.six text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--ntlm-ink)}
.ladder .end{font-weight:650}
.life{stroke:var(--ntlm-line);stroke-width:2;fill:none}
.hit{fill:transparent}
.row.now .hit{fill:var(--ntlm-accent-soft);stroke:var(--ntlm-accent)}
.rung{stroke:var(--ntlm-ink);stroke-width:1.5;fill:none}.rung.missing{stroke-dasharray:4 4}
.row.bad .rung{stroke:var(--ntlm-bad)}.row.good .rung{stroke:var(--ntlm-good)}.row.now .rung{stroke-width:2.6}
.row.bad .label,.row.asks .label{fill:var(--ntlm-bad);font-weight:650}.row.good .label{fill:var(--ntlm-good);font-weight:650}
.row.now .label{font-weight:650}
.ladder .soft,.ladder .time,.ladder .small,.ladder .band-text,.six .second,.six .way text{fill:var(--ntlm-soft)}
.ladder .small,.six .second,.six .way text{font-size:12px}
.ladder .time{font:12px ui-monospace,'DejaVu Sans Mono',monospace}
.chip{fill:var(--ntlm-accent-soft);stroke:var(--ntlm-accent)}.ladder .chip-text{fill:var(--ntlm-accent);font-size:11.5px}
.row.now .chip{fill:var(--ntlm-accent)}.ladder .row.now .chip-text{fill:var(--ntlm-on)}
.pill{fill:var(--ntlm-card);stroke:var(--ntlm-strong)}.pill.implied{stroke-dasharray:3 3}
.row.good .pill{stroke:var(--ntlm-good)}.row.bad .pill{stroke:var(--ntlm-bad)}
.ladder .row.good .pill-text{fill:var(--ntlm-good)}.ladder .row.bad .pill-text,.ladder .row.bad .small{fill:var(--ntlm-bad)}
.row.now .pill{fill:var(--ntlm-accent);stroke:var(--ntlm-accent)}.row.now.good .pill{fill:var(--ntlm-good);stroke:var(--ntlm-good)}.row.now.bad .pill{fill:var(--ntlm-bad);stroke:var(--ntlm-bad)}
.ladder .row.now .pill-text{fill:var(--ntlm-on);font-weight:650}
.row.later :is(.rung,.pill,.chip){stroke:var(--ntlm-strong)}.row.later .chip{fill:var(--ntlm-card)}
.ladder .row.row.later :is(text,tspan){fill:var(--ntlm-soft);font-weight:400}
.ladder path.fold{stroke:var(--ntlm-strong);stroke-width:1.5;fill:none}
.ladder .row.fold .label{fill:var(--ntlm-accent)}
.band rect{fill:var(--ntlm-paper);opacity:.9}.band.bad rect{fill:var(--ntlm-bad-soft)}.band.good rect{fill:var(--ntlm-good-soft)}
.ladder .band-text{paint-order:stroke;stroke:var(--ntlm-paper);stroke-width:5px}.ladder .bad .band-text{stroke:var(--ntlm-bad-soft)}.ladder .good .band-text{stroke:var(--ntlm-good-soft)}
.ladder .number{font-weight:700;fill:var(--ntlm-ink)}.ladder .band.bad .number{fill:var(--ntlm-bad)}.ladder .band.good .number{fill:var(--ntlm-good)}
.box rect{fill:var(--ntlm-card);stroke:var(--ntlm-strong);stroke-width:1.3}.six .name{font-weight:650}
.box.good rect{stroke:var(--ntlm-good)}.box.bad rect{stroke:var(--ntlm-bad)}.six .box.good .name{fill:var(--ntlm-good)}.six .box.bad .name{fill:var(--ntlm-bad)}
.box.lit rect{fill:var(--ntlm-accent);stroke:var(--ntlm-accent)}.box.lit.good rect{fill:var(--ntlm-good);stroke:var(--ntlm-good)}.box.lit.bad rect{fill:var(--ntlm-bad);stroke:var(--ntlm-bad)}
.six .box.lit :is(.name,.second){fill:var(--ntlm-on)}
.six .way path{fill:none;stroke:var(--ntlm-strong);stroke-width:1.5}.six .way.bad.taken path{stroke:var(--ntlm-bad)}
.six .way.taken path{stroke:var(--ntlm-accent);stroke-width:2.8}.six .way.taken.bad path{stroke:var(--ntlm-bad)}.six .way.taken.good path{stroke:var(--ntlm-good)}
.six .way.taken text{fill:var(--ntlm-ink);font-weight:650}
.whole .paper{fill:none}
.whole .state rect{fill:var(--ntlm-card);stroke:var(--ntlm-strong);stroke-width:1.2}.whole .group rect{fill:var(--ntlm-paper);stroke:var(--ntlm-line);stroke-width:1.4}
.whole :is(.state,.group) text{fill:var(--ntlm-ink);font-size:15px;font-weight:650}.whole .group text{paint-order:stroke;stroke:var(--ntlm-paper);stroke-width:5px}
.whole :is(.state,.group) .line{fill:var(--ntlm-soft);font-size:12px;font-weight:400}
.whole .state.good rect{stroke:var(--ntlm-good)}.whole .state.bad rect{stroke:var(--ntlm-bad)}
.whole .way path{fill:none;stroke:var(--ntlm-strong);stroke-width:1.4}.whole .way text,.whole .everywhere{fill:var(--ntlm-soft);font-size:12px}
.whole .head{fill:var(--ntlm-strong);stroke:none}.whole .start circle{fill:var(--ntlm-soft)}.whole .start path{fill:none;stroke:var(--ntlm-strong);stroke-width:1.4}.whole .final{fill:none!important}
.whole .group.active rect{stroke:var(--ntlm-accent);stroke-width:2}.whole .state.active rect{fill:var(--ntlm-accent);stroke:var(--ntlm-accent)}
.whole .state.active.good rect{fill:var(--ntlm-good);stroke:var(--ntlm-good)}.whole .state.active.bad rect{fill:var(--ntlm-bad);stroke:var(--ntlm-bad)}
.whole .state.active text,.whole .state.active .line{fill:var(--ntlm-on)}
.whole .way.taken path:not(.head){stroke:var(--ntlm-accent);stroke-width:3}.whole .way.taken text,.whole .taken .everywhere{fill:var(--ntlm-accent);font-weight:650}
`;
