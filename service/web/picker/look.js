/** The picker's style sheet. Pages customize it through custom properties and ::part(). */

export const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --accent: var(--stream-picker-accent, light-dark(#2653c9, #9db8ff));
  --ground: var(--stream-picker-background, light-dark(#ffffff, #16191e));
  --ink: var(--stream-picker-color, light-dark(#1c2026, #f2f4f7));
  --sunken: light-dark(#eef0f3, #0f1216);
  --soft: light-dark(#5b6470, #a5afbc);
  --line: light-dark(#dde1e7, #2a3038);
  --edge: light-dark(#7d8794, #6f7a88);
  --live: #c81e2c;
  color-scheme: light dark;
  display: block;
  border: 1px solid var(--line);
  border-radius: var(--stream-picker-radius, 12px);
  background: var(--ground);
  color: var(--ink);
  font: 400 16px/1.4 system-ui, sans-serif;
  container-type: inline-size;
}
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }
.body { display: flex; flex-direction: column; padding: 12px; gap: 12px; }
.body[inert] { opacity: .55; }
.bar { display: flex; flex-wrap: wrap; gap: 8px; }
.search { flex: 3 1 200px; }
.filter { flex: 1 1 140px; }
input, select, button { font: inherit; min-height: 44px; border-radius: 8px; min-width: 0; }
input, select { padding: 0 12px; border: 1px solid var(--edge); background: var(--ground); color: inherit; }
input::placeholder { color: var(--soft); opacity: 1; }
button { padding: 0 16px; border: 1px solid var(--edge); background: transparent; color: inherit; font-weight: 600; cursor: pointer; }
button:hover { background: var(--sunken); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.list {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 190px), 1fr)); gap: 8px;
  max-height: var(--stream-picker-height, none); overflow: auto; overscroll-behavior: contain; padding: 6px; margin: -6px; transition: opacity .15s;
}
.list[aria-busy=true] { opacity: .6; }
.option { border-radius: 10px; padding: 6px; cursor: pointer; display: flex; flex-direction: column; gap: 8px; scroll-margin: 8px; }
.option:hover { background: var(--sunken); }
.option[aria-selected=true] { background: color-mix(in srgb, var(--accent) 12%, var(--ground)); box-shadow: 0 0 0 2px var(--accent); }
.picture { position: relative; aspect-ratio: 16 / 9; overflow: hidden; border-radius: 6px; background: var(--sunken); display: grid; place-items: center; }
.option:hover .picture, .option[aria-selected=true] .picture { background: var(--line); }
.initial { font-size: 2.2rem; font-weight: 700; color: var(--soft); }
.thumbnail { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; opacity: 0; }
.thumbnail.there { opacity: 1; }
.badge {
  position: absolute; inset-block-start: 6px; inset-inline-start: 6px; padding: 1px 8px; border-radius: 999px;
  background: #22272e; color: #fff; font-size: 12.5px; font-weight: 600;
}
[data-state=live] .badge { background: var(--live); }
[data-state=reconnecting] .badge, [data-state=starting] .badge, [data-state=connecting] .badge { background: #8a5700; }
.list.stale .badge { background: #5b6470; }
.list.stale .viewers { visibility: hidden; } /* the counts are out of date */
.option[aria-selected=true] .picture::after {
  content: "✓" / ""; position: absolute; inset-block-end: 6px; inset-inline-end: 6px; width: 26px; height: 26px; border-radius: 50%;
  display: grid; place-items: center; background: light-dark(#2653c9, #9db8ff); color: light-dark(#fff, #0b1533); font-weight: 700; font-size: 15px;
}
.words { display: flex; flex-direction: column; padding: 0 2px 2px; min-width: 0; }
.title { font-weight: 600; overflow-wrap: anywhere; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.viewers { color: var(--soft); font-size: 14px; font-variant-numeric: tabular-nums; }
@container (max-width: 460px) {
  .list { grid-template-columns: 1fr; gap: 4px; }
  .option { flex-direction: row; align-items: center; gap: 12px; }
  .picture { flex: 0 0 128px; }
  .initial { align-self: end; margin-block-end: 10px; font-size: 1.5rem; line-height: 1; } /* clear of the badge */
}
.message { display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 12px; min-height: 200px; padding: 24px 16px; text-align: center; }
.message p, .notice p, .chosen p, .limit { margin: 0; text-wrap: balance; }
.message p { max-width: 34em; color: var(--soft); }
.limit { color: var(--soft); font-size: 14px; text-align: center; }
.spinner { width: 28px; height: 28px; border-radius: 50%; border: 3px solid var(--soft); border-block-start-color: transparent; animation: turn 1s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .spinner { animation-duration: 6s; } .list { transition: none; } }
.notice { display: flex; align-items: center; gap: 12px; padding: 8px 12px; border-radius: 8px; background: light-dark(#fff3dc, #3a2a0c); color: light-dark(#5f3c00, #ffd991); }
.notice p { flex: 1; text-wrap: wrap; }
.notice button { border-color: currentColor; }
.notice button:hover { background: transparent; text-decoration: underline; }
.more { align-self: center; }
.chosen { display: flex; align-items: center; gap: 12px; padding-block-start: 12px; border-block-start: 1px solid var(--line); }
.chosen p { flex: 1; min-width: 0; overflow-wrap: anywhere; text-wrap: wrap; }
.said { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (forced-colors: active) { .option[aria-selected=true] { outline: 3px solid Highlight; } }
`);
