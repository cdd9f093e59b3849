/** The only style sheet, served at /simulator/style.css. */
export const STYLE_SHEET = `
:root { color-scheme: light; --ink: #2e3a47; --leaf: #1b533f; --line: #d5dbe0; --paper: #f5f7f6; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', sans-serif; }
.banner { margin: 0; padding: .6rem 1rem; background: #fff3cd; border-bottom: 1px solid #e5cf86;
  text-align: center; font-size: .9rem; }
main { max-width: 46rem; margin: 2rem auto; padding: 1.5rem 2rem; background: #fff;
  border: 1px solid var(--line); border-radius: 10px; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; }
h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; }
a { color: var(--leaf); }
code { font-size: .82em; overflow-wrap: anywhere; }
fieldset { margin: 0 0 1rem; padding: .5rem 1rem 1rem; border: 1px solid var(--line);
  border-radius: 8px; display: grid; gap: .5rem; }
legend { padding: 0 .4rem; font-weight: 600; }
button { padding: .5rem .9rem; border: 1px solid var(--line); border-radius: 6px;
  background: #fff; color: inherit; font: inherit; cursor: pointer; }
button:hover { border-color: var(--leaf); }
button:focus-visible, a:focus-visible, input:focus-visible, select:focus-visible {
  outline: 3px solid #88b04b; outline-offset: 1px; }
button.primary { background: var(--leaf); border-color: var(--leaf); color: #fff; }
button.link { padding: 0; border: 0; background: none; color: var(--leaf);
  text-decoration: underline; }
button.person { display: grid; grid-template-columns: 1fr auto; text-align: left; }
button.person small { grid-column: 1 / -1; color: #5b6773; }
.actions { display: flex; gap: .75rem; margin: 1.5rem 0 1rem; }
.error { padding: .75rem 1rem; background: #fdecea; border-left: 4px solid #b3261e; }
.grid { display: grid; grid-template-columns: repeat(3, 1fr); gap: .75rem; align-items: end;
  margin-bottom: .75rem; }
label { display: grid; gap: .2rem; font-size: .85rem; }
input, select { width: 100%; padding: .4rem .5rem; border: 1px solid #8a96a1; border-radius: 6px;
  background: #fff; color: inherit; font: inherit; }
table { width: 100%; border-collapse: collapse; margin-bottom: .75rem; font-size: .9rem; }
th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
@media (max-width: 40rem) { main { margin: 0; border: 0; border-radius: 0; padding: 1rem; }
  .grid { grid-template-columns: 1fr; } table { display: block; overflow-x: auto; } }
`;
