/**
 * The script of the page. The server sends the parts that have changed, as it has rendered them, so there is one
 * template for those with and those without JavaScript. What is opened, focused or selected stays so.
 */
export const SCRIPT = `
"use strict";
(() => {
  const live = document.getElementById("live");
  const waiting = new Map();

  const isSelected = (element) => {
    const selection = getSelection();
    return selection !== null && !selection.isCollapsed && element.contains(selection.anchorNode);
  };

  const replace = (id, html) => {
    const element = document.getElementById(id);
    if (element === null) return;
    if (isSelected(element)) return waiting.set(id, html);
    waiting.delete(id);
    const open = [...element.querySelectorAll("details[open]")].map((details) => details.id);
    const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
    element.innerHTML = html;
    for (const details of element.querySelectorAll("details")) details.open = open.includes(details.id);
    if (focused !== "") document.getElementById(focused)?.focus({ preventScroll: true });
  };

  document.addEventListener("selectionchange", () => {
    for (const [id, html] of waiting) replace(id, html);
  });

  const source = new EventSource("events");
  source.addEventListener("parts", ({ data }) => {
    const { title, ...parts } = JSON.parse(data);
    if (title !== undefined) document.title = title;
    for (const [id, html] of Object.entries(parts)) replace(id, html);
    live.textContent = "Live";
    live.className = "pill good";
  });
  source.addEventListener("error", () => {
    live.textContent = "Not connected; trying again";
    live.className = "pill bad";
  });
})();
`;
