/** The page: starts the worker and shows what it tells. Every training event is a DOM event `train` on the document too. */
import type { TrainEvent } from 'espalier';
import { webProviders } from 'espalier/web';
import { Curve } from './curve.js';
import type { FromWorker, Settings, ToWorker } from './protocol.js';
import { isNetworkName, titles } from './titles.js';

function find<T extends Element>(selector: string, type: { new (): T }): T {
  const found = document.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`the page has no ${selector}`);
  return found;
}

const form = find('#settings', HTMLFormElement);
const network = find('select[name=network]', HTMLSelectElement);
const provider = find('select[name=provider]', HTMLSelectElement);
const steps = find('input[name=steps]', HTMLInputElement);
const train = find('button[type=submit]', HTMLButtonElement);
const stop = find('#stop', HTMLButtonElement);
const curve = new Curve(find('#curve', SVGSVGElement));
const show = (id: string, text: string): void => {
  find(`#${id}`, HTMLElement).textContent = text;
};
/** The last step that is not on the page yet. */
let latest: Extract<TrainEvent, { type: 'step' }> | null = null;
const parameters = new URLSearchParams(location.search);
const compiling = 'compiling …';

/** Null after a failure: a worker that failed may answer no more, or have a broken runtime. */
let worker: Worker | null = started();
const tell = (message: ToWorker): void => {
  worker ??= started();
  worker.postMessage(message);
};

function started(): Worker {
  const made = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  made.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    if (made !== worker) return;
    if (data.type === 'ready') show('engine', `${data.runtime}. ${data.reason}`);
    else if (data.type === 'failed') fail(data.message);
    else {
      document.dispatchEvent(new CustomEvent('train', { detail: data.event }));
      showEvent(data.event);
    }
  });
  made.addEventListener('error', ({ message }) => fail(message || 'the worker did not start'));
  return made;
}

function showEvent(event: TrainEvent): void {
  if (event.type === 'start') curve.clear(event.steps);
  else if (event.type === 'notice') show('message', event.message);
  else if (event.type === 'end') {
    setBusy(false);
    showStep();
    show('left', `${event.reason}, ${event.seconds.toFixed(1)} s`);
  } else if (event.type === 'step') {
    curve.add(event.step, event.losses['loss'] ?? Number.NaN);
    // Steps may come by the hundred a second: the page is painted a few times.
    if (latest === null) setTimeout(showStep, 100);
    latest = event;
  }
}

function showStep(): void {
  if (!latest) return;
  show('step', `${latest.step} of ${latest.steps}`);
  show('rate', latest.stepsPerSecond.toFixed(1));
  show('loss', (latest.losses['loss'] ?? Number.NaN).toPrecision(3));
  show('left', `${Math.ceil(latest.secondsLeft)} s`);
  curve.draw();
  latest = null;
}

function fail(message: string): void {
  worker?.terminate();
  worker = null;
  setBusy(false);
  if (latest) showStep();
  else if (find('#step', HTMLElement).textContent === compiling) show('step', '–');
  show('message', message);
}

function setBusy(busy: boolean): void {
  // A control that is disabled loses the focus, and the keyboard its place on the page.
  const isHere = form.contains(document.activeElement);
  for (const control of [network, provider, steps, train]) control.disabled = busy;
  stop.disabled = !busy;
  if (isHere) (busy ? stop : train).focus();
}

function settings(): Settings {
  const threads = Number(parameters.get('threads'));
  return {
    network: isNetworkName(network.value) ? network.value : 'mlp',
    provider: provider.value === 'webgpu' ? 'webgpu' : 'wasm',
    steps: steps.valueAsNumber,
    ...(Number.isInteger(threads) && threads > 0 ? { threads } : {}),
  };
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  setBusy(true);
  show('message', '');
  show('step', compiling);
  for (const id of ['rate', 'loss', 'left']) show(id, '–');
  tell({ type: 'start', settings: settings() });
});
stop.addEventListener('click', () => tell({ type: 'stop' }));

for (const [name, title] of Object.entries(titles)) network.add(new Option(title, name));
network.value = parameters.get('network') ?? 'mlp';
steps.value = parameters.get('steps') ?? steps.value;
provider.value = parameters.get('provider') ?? 'wasm';
// Names that are none leave nothing chosen.
for (const select of [network, provider]) if (select.selectedIndex < 0) select.selectedIndex = 0;
const providers = await webProviders();
for (const option of provider.options)
  option.disabled = !providers.some(({ name, available }) => name === option.value && available);
// A run that was started meanwhile says itself what it has.
if (!train.disabled)
  show(
    'engine',
    providers
      .map(({ name, reason }) => `${name === 'wasm' ? 'WebAssembly: ' : ''}${reason}`)
      .join(' '),
  );
document.body.dataset['ready'] = '';
