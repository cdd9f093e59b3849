/** Both themes keep to WCAG 2.2 AA: text 4.5 to 1, borders of fields and the focus ring 3 to 1. */
const LIGHT = `color-scheme: light; --ink: #2e3a47; --muted: #55616d; --paper: #f5f7f6;
  --card: #fff; --line: #d5dbe0; --edge: #6b7783; --link: #1b533f; --action: #1b533f;
  --on-action: #fff; --note: #fff3cd; --note-line: #c9a93c; --error: #fdecea; --error-line: #b3261e;`;
const DARK = `color-scheme: dark; --ink: #e6ebe8; --muted: #b3bec5; --paper: #12181b;
  --card: #1b2327; --line: #38444b; --edge: #8b99a3; --link: #a9d27a; --action: #a9d27a;
  --on-action: #10241b; --note: #3a3212; --note-line: #8a7626; --error: #451c19; --error-line: #f2877d;`;

/** The only style sheet, served at /simulator/style.css. */
export const STYLE_SHEET = `
:root { ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', sans-serif; }
.banner { margin: 0; padding: .6rem 1rem; background: var(--note);
  border-bottom: 1px solid var(--note-line); text-align: center; font-size: .9rem; }
main { max-width: 52rem; margin: 2rem auto; padding: 1.5rem 2rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.15rem; }
a { color: var(--link); }
code { font-size: .82em; }
.pre { white-space: pre-line; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
fieldset { min-width: 0; margin: 0 0 1rem; padding: .5rem 1rem 1rem; border: 1px solid var(--line);
  border-radius: 8px; display: grid; gap: .5rem; }
legend { padding: 0 .4rem; font-weight: 600; }
button { min-height: 2.5rem; padding: .4rem .9rem; border: 1px solid var(--edge); border-radius: 6px;
  background: var(--card); color: inherit; font: inherit; cursor: pointer; }
button:hover { border-color: var(--link); text-decoration: underline; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
button.primary { background: var(--action); border-color: var(--action); color: var(--on-action); }
button.link { min-height: 0; padding: .25rem 0; border: 0; background: none; color: var(--link);
  text-decoration: underline; }
button.person { display: grid; grid-template-columns: 1fr auto; gap: 0 .75rem; text-align: left; }
button.person small { grid-column: 1 / -1; color: var(--muted); }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0 1rem; }
.error, .now { padding: .75rem 1rem; border-left: 4px solid var(--error-line);
  background: var(--error); }
.now { border-color: var(--link); background: var(--paper); }
.scenarios { margin: 0; padding: 0; list-style: none; display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 14rem), 1fr)); }
.scenarios li { padding: .75rem; border: 1px solid var(--line); border-radius: 8px; }
.scenarios p { margin: .4rem 0 0; font-size: .9rem; color: var(--muted); }
.badge { margin-left: .4rem; padding: .1rem .5rem; border: 1px solid var(--link);
  border-radius: 1rem; color: var(--link); font-size: .85rem; }
.grid { display: grid; gap: .75rem; align-items: start; margin-bottom: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr)); }
.grid .actions { grid-column: 1 / -1; margin: 0; }
label { display: grid; gap: .2rem; font-size: .9rem; }
input, select, textarea { width: 100%; min-height: 2.5rem; padding: .4rem .5rem;
  border: 1px solid var(--edge); border-radius: 6px; background: var(--card); color: inherit;
  font: inherit; }
textarea { resize: vertical; }
::placeholder { color: var(--muted); opacity: 1; }
table { width: 100%; border-collapse: collapse; margin-bottom: .75rem; font-size: .9rem; }
th, td { padding: .4rem .5rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
tbody th { font-weight: 500; }
th small { display: block; font-weight: 400; color: var(--muted); }
thead th { overflow-wrap: normal; }
@media (prefers-reduced-motion: no-preference) { button { transition: border-color .15s; } }
@media (max-width: 40rem) { main { margin: 0; border: 0; border-radius: 0; padding: 1rem; }
  th, td { padding: .4rem .25rem; } }
`;
