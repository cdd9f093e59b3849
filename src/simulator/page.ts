import { escapeHtml, type Html, html } from './html.js';

/** The frame of every page. It says plainly what the visitor is looking at. */
export function page(title: string, content: Html): Html {
  return html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="robots" content="noindex" />
      <title>${title} · Fullscript simulator</title>
      <link rel="stylesheet" href="/simulator/style.css" />
    </head>
    <body>
      <header>
        <p class="banner">
          <strong>Simulator.</strong> This is not Fullscript. Everybody here is invented, and no
          real data is held or asked for.
        </p>
      </header>
      <main>
        <h1>${title}</h1>
        ${content}
      </main>
    </body>
  </html> `;
}

/** The document below a redirect, on one line as Rails writes it. */
export function redirectBody(location: string): Html {
  const link = `<a href="${escapeHtml(location)}">redirected</a>`;
  return { html: `<html><body>You are being ${link}.</body></html>` };
}
