/**
 * Hovering over a curve. The drawing tells the script its domains and values in data attributes (see
 * `plots/line-chart.ts`); pointing at one chart moves the cursor of all that share its horizontal axis, the training step mostly.
 */
export const chartScript = String.raw`
(() => {
  const svgNamespace = document.querySelector('svg')?.namespaceURI;
  const create = (name, attributes, ...children) => {
    const element = document.createElementNS(svgNamespace, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const element = (name, text, ...children) => {
    const made = document.createElement(name);
    made.textContent = text;
    made.append(...children);
    return made;
  };
  const write = (value, digits) => value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential(2)
    : value.toLocaleString('en', { maximumSignificantDigits: digits });
  const whole = (step) => step.toLocaleString('en', { maximumFractionDigits: 1 });

  const readSeries = (path) => ({
    name: path.dataset.name,
    colour: [...path.classList].find((name) => /^[cr]\d/.test(name)),
    points: path.dataset.points.split(';').map((point) => point.split(',').map(Number)),
  });
  const nearest = (points, step) => {
    let [low, high] = [0, points.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < step) low = middle;
      else high = middle;
    }
    return Math.abs(points[low][0] - step) <= Math.abs(points[high][0] - step) ? low : high;
  };

  const readPlot = (svg) => {
    const [left, right] = svg.dataset.x.split(' ').map(Number);
    const [bottom, top] = svg.dataset.y.split(' ').map(Number);
    const height = Number(svg.dataset.height);
    const place = svg.dataset.scale === 'log' ? (value) => Math.log10(Math.max(value, bottom)) : (value) => value;
    return {
      svg, left, right, label: svg.dataset.label,
      series: [...svg.querySelectorAll('.line')].map(readSeries),
      x: (step) => 100 * (step - left) / (right - left),
      y: (value) => height * (1 - (place(value) - place(bottom)) / (place(top) - place(bottom))),
      cursor: svg.appendChild(create('g', { class: 'cursor' })),
    };
  };

  const readChart = (figure) => {
    const plots = [...figure.querySelectorAll('.line-chart')].map(readPlot);
    const readout = figure.appendChild(element('div', ''));
    readout.className = 'readout';
    readout.setAttribute('role', 'status');
    readout.hidden = true;
    return { figure, plots, readout, plot: () => plots.find(({ svg }) => !svg.closest('[hidden]')) };
  };

  const hide = ({ plots, readout }) => {
    plots.forEach(({ cursor }) => cursor.replaceChildren());
    readout.hidden = true;
  };

  /** The longest series decides which steps there are to stop at. */
  const guide = (plot) => plot.series.reduce((a, b) => (b.points.length > a.points.length ? b : a)).points;

  const draw = (chart, wanted, isPointedAt) => {
    const plot = chart.plot();
    hide(chart);
    if (!plot || wanted < plot.left || wanted > plot.right) return;
    const steps = guide(plot);
    const stop = steps[nearest(steps, wanted)];
    const x = plot.x(stop[0]) + '%';
    const rows = plot.series
      .filter(({ points }) => stop[0] >= points[0][0] - 1e-9 && stop[0] <= points[points.length - 1][0] + 1e-9)
      .map(({ name, colour, points }) => ({ name, colour, point: points[nearest(points, stop[0])] }))
      .sort((a, b) => b.point[1] - a.point[1]);
    plot.cursor.replaceChildren(
      create('line', { x1: x, x2: x, y2: plot.svg.dataset.height }),
      ...rows.map(({ colour, point }) => create('circle', { class: colour, cx: plot.x(point[0]) + '%', cy: plot.y(point[1]), r: 3.5 })),
    );
    if (!isPointedAt) return;
    const range = stop.length > 2 ? whole(stop[4]) + ' to ' + whole(stop[5]) : whole(stop[0]);
    chart.readout.replaceChildren(element('p', plot.label + ' ' + range), ...rows.map(({ name, colour, point }) => {
      const swatch = element('i', '');
      swatch.className = colour;
      const spread = point.length > 2 && point[2] !== point[3] ? write(point[2], 3) + ' – ' + write(point[3], 3) : '';
      return element('div', '', swatch, element('span', name), element('b', write(point[1], 4)), element('small', spread));
    }));
    chart.readout.hidden = false;
    put(chart, plot, plot.x(stop[0]) / 100);
  };

  /** Beside the cursor, on the side with more room, and never outside the figure. */
  const put = ({ figure, readout }, { svg }, across) => {
    const [outer, inner] = [figure.getBoundingClientRect(), svg.getBoundingClientRect()];
    const x = inner.left - outer.left + across * inner.width;
    const wanted = across > 0.5 ? x - readout.offsetWidth - 12 : x + 12;
    readout.style.left = Math.max(0, Math.min(wanted, outer.width - readout.offsetWidth)) + 'px';
    readout.style.top = inner.top - outer.top + 4 + 'px';
  };

  const charts = [...document.querySelectorAll('figure.chart')].map(readChart);
  const hideAll = () => charts.forEach(hide);

  for (const chart of charts) {
    for (const plot of chart.plots) {
      const { svg, left, right, label } = plot;
      const alike = charts.filter((other) => other.plot()?.label === label);
      const point = (step) => alike.forEach((other) => draw(other, step, other === chart));
      let index = -1;
      const follow = (event) => {
        const { left: edge, width } = svg.getBoundingClientRect();
        const across = Math.min(1, Math.max(0, (event.clientX - edge) / width));
        point(left + across * (right - left));
      };
      svg.addEventListener('pointermove', follow);
      svg.addEventListener('pointerdown', follow);
      svg.addEventListener('pointerleave', hideAll);
      svg.addEventListener('blur', hideAll);
      svg.addEventListener('keydown', (event) => {
        const steps = guide(plot);
        const last = steps.length - 1;
        const moves = { ArrowLeft: index < 0 ? last : index - 1, ArrowRight: index + 1, PageUp: index - 10, PageDown: index + 10, Home: 0, End: last };
        if (event.key === 'Escape') return hideAll();
        if (!(event.key in moves)) return;
        event.preventDefault();
        index = Math.min(last, Math.max(0, moves[event.key]));
        point(steps[index][0]);
      });
    }
    const scales = chart.figure.querySelector('.scales');
    if (!scales) continue;
    scales.hidden = false;
    scales.addEventListener('click', ({ target }) => {
      const button = target.closest('button');
      if (!button) return;
      hideAll();
      scales.querySelectorAll('button').forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
      chart.plots.forEach(({ svg }) => { svg.parentElement.hidden = svg.dataset.scale !== button.dataset.scale; });
    });
  }
})();
`;
