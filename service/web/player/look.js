/** The player's style sheet. Pages customize it through custom properties and ::part(). */

export const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --accent: var(--live-stream-accent, #d92d3a);
  --ground: var(--live-stream-background, light-dark(#e4e8ee, #16191e));
  --ink: var(--live-stream-color, light-dark(#1c2026, #f2f4f7));
  color-scheme: light dark;
  display: block;
  position: relative;
  aspect-ratio: 16 / 9;
  overflow: hidden;
  border-radius: var(--live-stream-radius, 12px);
  background: var(--ground);
  color: var(--ink);
  font: 400 16px/1.4 system-ui, sans-serif;
  container-type: inline-size;
}
:host([hidden]), [hidden] { display: none !important; }
video, .slate, .screen { position: absolute; inset: 0; width: 100%; height: 100%; box-sizing: border-box; }
video { background: #000; object-fit: contain; }
.slate { object-fit: cover; background: #000; }
.screen {
  display: flex; flex-direction: column; align-items: center; justify-content: center; gap: .75em;
  padding: 1.25em; text-align: center; background-size: cover; background-position: center;
}
.screen { pointer-events: none; } /* clicks reach the native controls below, which start playback if autoplay is blocked */
.screen.veil { background-color: rgb(0 0 0 / .62); color: #fff; }
.message { margin: 0; font-size: clamp(1rem, 4cqi, 1.6rem); font-weight: 600; text-wrap: balance; }
.count { margin: 0; font-size: clamp(2.2rem, 13cqi, 5.5rem); font-weight: 700; line-height: 1; font-variant-numeric: tabular-nums; }
.spinner { width: 2.2em; height: 2.2em; border-radius: 50%; border: 3px solid currentColor; border-top-color: transparent; opacity: .7;
  animation: turn 1s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .spinner { animation-duration: 6s; } }
button {
  pointer-events: auto;
  font: inherit; font-weight: 600; cursor: pointer; border: 0; border-radius: 999px; padding: .6em 1.3em; min-height: 44px;
  background: var(--accent); color: #fff;
}
button:hover { filter: brightness(1.1); }
button:focus-visible { outline: 3px solid #fff; outline-offset: 2px; box-shadow: 0 0 0 6px #1c2026; }
.unmute, .golive { position: absolute; inset-block-start: 12px; inset-inline-end: 12px; }
.unmute { background: rgb(0 0 0 / .75); }
.unmute:not([hidden]) ~ .golive { inset-block-start: 68px; }
.badge {
  position: absolute; inset-block-start: 12px; inset-inline-start: 12px; display: flex; align-items: center; gap: .5em; padding: .25em .7em;
  border-radius: 999px; background: rgb(0 0 0 / .65); color: #fff; font-size: 14px; font-weight: 600; pointer-events: none;
}
.dot { width: .6em; height: .6em; border-radius: 50%; background: var(--accent); }
.badge.away .dot { background: #f5a623; }
.badge.quiet { background: rgb(70 76 84 / .92); }
.badge.quiet .dot { background: #b4bbc4; }
.said { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`);
