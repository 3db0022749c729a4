/**
 * What the page does when it is touched. Everything can be read without it; what only works with it is hidden
 * until it runs. Plain JavaScript, since it goes into the page as it stands; texts are set as text, never as HTML.
 */
import { chartScript } from './chart-script.js';

const confusion = `
(() => {
  const panel = document.getElementById('confusion-images');
  if (!panel) return;
  const mistakes = [...document.querySelectorAll('#mistakes .mistake')];
  const cells = [...document.querySelectorAll('.cell[role="button"]')];
  const links = [...document.querySelectorAll('.pairs a')];
  const isPair = (one) => (other) => other.dataset.truth === one.dataset.truth && other.dataset.predicted === one.dataset.predicted;

  const says = document.getElementById('confusion-says');
  const invitation = says.textContent;
  says.hidden = false;
  let shown = null;

  /** Choosing what is shown already puts it away. */
  const show = (chosen) => {
    const again = shown !== null && isPair(chosen)(shown);
    shown = again ? null : chosen;
    const found = again ? [] : mistakes.filter(isPair(chosen));
    cells.forEach((cell) => cell.classList.toggle('chosen', !again && isPair(chosen)(cell)));
    links.forEach((link) => link.setAttribute('aria-pressed', String(!again && isPair(chosen)(link))));
    panel.replaceChildren(...found.map((mistake) => mistake.cloneNode(true)));
    panel.hidden = found.length === 0;
    if (again) says.textContent = invitation;
    else {
      const { truth, predicted, count } = chosen.dataset;
      const kept = found.length === Number(count) ? count : found.length + ' of ' + count;
      says.textContent = truth + ' taken for ' + predicted + ': ' + kept + (count === '1' ? ' image' : ' images');
    }
  };

  links.forEach((link) => {
    link.setAttribute('role', 'button');
    link.setAttribute('aria-pressed', 'false');
    link.addEventListener('click', (event) => {
      event.preventDefault();
      show(link);
    });
    link.addEventListener('keydown', (event) => {
      if (event.key !== ' ') return;
      event.preventDefault();
      show(link);
    });
  });

  // One stop for the tab key; arrows go to the next cell with mistakes in their direction.
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const at = (cell) => [Number(cell.dataset.row), Number(cell.dataset.column)];
  const neighbour = (cell, [down, right]) => {
    const [row, column] = at(cell);
    const ahead = cells.map((other) => {
      const [r, c] = at(other);
      const along = (r - row) * down + (c - column) * right;
      const aside = Math.abs((r - row) * right) + Math.abs((c - column) * down);
      return { other, along, distance: along + 3 * aside };
    });
    return ahead.filter(({ along }) => along > 0).sort((a, b) => a.distance - b.distance)[0]?.other;
  };
  if (cells[0]) cells[0].setAttribute('tabindex', '0');
  cells.forEach((cell) => {
    cell.addEventListener('click', () => show(cell));
    cell.addEventListener('focus', () => cells.forEach((other) => other.setAttribute('tabindex', other === cell ? '0' : '-1')));
    cell.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') show(cell);
      else if (event.key in steps) neighbour(cell, steps[event.key])?.focus();
      else return;
      event.preventDefault();
    });
  });
})();
`;

const copy = `
(() => {
  const copied = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      // Without permission the command is selected, for the keyboard's copy.
      getSelection().selectAllChildren(code);
      return document.execCommand('copy');
    }
  };
  document.querySelectorAll('.copy').forEach((button) => {
    button.hidden = false;
    button.addEventListener('click', async () => {
      button.textContent = (await copied(button.previousElementSibling)) ? 'Copied' : 'Selected';
      setTimeout(() => { button.textContent = 'Copy'; }, 1600);
    });
  });
})();
`;

const print = `
(() => {
  const folded = document.querySelector('#config details');
  let closed = false;
  addEventListener('beforeprint', () => { closed = folded && !folded.open; if (closed) folded.open = true; });
  addEventListener('afterprint', () => { if (closed) folded.open = false; });
})();
`;

/** All of it, as it goes into the page. */
export const script = `'use strict';${chartScript}${confusion}${copy}${print}`;
