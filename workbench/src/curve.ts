/** A curve that grows, as SVG: losses by step, on axes from 0. */

const namespace = 'http://www.w3.org/2000/svg';
const margin = { left: 40, right: 8, top: 8, bottom: 22 };
/** More points than the curve has pixels would not be seen. */
const mostPoints = 600;

export class Curve {
  readonly #svg: SVGSVGElement;
  #points: { step: number; value: number }[] = [];
  #steps = 1;
  /** Points left out between two that are kept. */
  #every = 1;

  constructor(svg: SVGSVGElement) {
    this.#svg = svg;
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  /** Begins anew, with room for `steps`. */
  clear(steps: number): void {
    this.#points = [];
    this.#every = 1;
    this.#steps = Math.max(1, steps);
    this.draw();
  }

  /** Adds a point; `draw` shows it. */
  add(step: number, value: number): void {
    if (step % this.#every !== 0) return;
    this.#points.push({ step, value });
    if (this.#points.length > mostPoints) {
      this.#every *= 2;
      this.#points = this.#points.filter((point) => point.step % this.#every === 0);
    }
  }

  /** Brings the picture up to date. */
  draw(): void {
    const { width, height } = this.#svg.getBoundingClientRect();
    const highest = niceAbove(Math.max(0, ...this.#points.map(({ value }) => value)));
    const x = (step: number) =>
      margin.left + ((width - margin.left - margin.right) * step) / this.#steps;
    const y = (value: number) =>
      height - margin.bottom - ((height - margin.top - margin.bottom) * value) / highest;
    const d = this.#points.map(
      ({ step, value }, i) => `${i === 0 ? 'M' : 'L'}${x(step).toFixed(1)} ${y(value).toFixed(1)}`,
    );
    const ticks = [0, 0.25, 0.5, 0.75, 1];
    this.#svg.replaceChildren(
      ...ticks.flatMap((share) => [
        element('line', {
          x1: x(0),
          x2: width - margin.right,
          y1: y(share * highest),
          y2: y(share * highest),
        }),
        element(
          'text',
          { x: margin.left - 8, y: y(share * highest) + 4, 'text-anchor': 'end' },
          label(share * highest),
        ),
      ]),
      element('text', { x: x(0), y: height - 4 }, '0'),
      element(
        'text',
        { x: x(this.#steps), y: height - 4, 'text-anchor': 'end' },
        String(this.#steps),
      ),
      element('path', { d: d.join('') }),
    );
  }
}

const label = (value: number): string => String(Number(value.toPrecision(2)));

/** The least of 1, 2, 4, 5, 8 times a power of ten that is not below `value`. */
function niceAbove(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 4, 5, 8].find((factor) => factor * power >= value) ?? 10);
}

function element(name: string, attributes: Record<string, string | number>, text = ''): SVGElement {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}
