// @ts-check

/**
 * Shows a passing remark, which screen readers read out. How the connection stands is said elsewhere.
 *
 * @param {string} text
 */
export function say(text) {
  document.getElementById('say')?.replaceChildren(text);
}
