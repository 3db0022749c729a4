/** An audit from opened images to files: ledger, adversarial images, a contact sheet and the report. */

import { join } from 'node:path';
import { pixelsOf } from '../data/image-batches.js';
import type { ImageSource } from '../data/image-source.js';
import { InterruptedError, ModelError } from '../errors.js';
import type { Attack, AttackRecord } from '../methods/attack/attack.js';
import { audit } from '../methods/attack/audit.js';
import { misclassified } from '../methods/attack/criterion.js';
import type { BlackBox, Range } from '../methods/attack/model.js';
import type { Budget } from '../methods/attack/questions.js';
import { type AttackSummary, summarizeAttack } from '../methods/attack/summary.js';
import { changesAsHeat } from '../report/heat.js';
import { encodePng } from '../report/png.js';
import type { ReportAdversarial } from '../report/run-report.js';
import { writeAtomically } from '../runs/atomic-file.js';
import type { AttackFolder } from '../runs/attack-folder.js';
import { interleaved, writeAttackImage } from '../runs/attack-images.js';
import { type AttackLedger, openAttackLedger, originalFile } from '../runs/attack-ledger.js';
import type { Context } from './command.js';

export interface AttackRunOptions {
  readonly box: BlackBox;
  /** Whether what the box answers costs more than time on this machine: then every answer is kept. */
  readonly isRemote: boolean;
  readonly attack: Attack;
  readonly source: ImageSource;
  /** The true class of each image as the box counts them. */
  readonly labels: Int32Array;
  /** Images that are to be attacked: those on which the classifier is right. */
  readonly wanted: number;
  readonly examples: number;
  readonly k: number;
  readonly range: Range;
  readonly seed: number;
  readonly budget: Budget;
  readonly folder: AttackFolder;
  /** What decides on results. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly context: Context;
}

export interface AttackRun {
  readonly records: readonly AttackRecord[];
  readonly summary: AttackSummary;
  readonly pictures: readonly ReportAdversarial[];
  readonly sheet: string;
}

/** Images decoded beyond those wanted, by the share that a poor classifier has wrong: ours. */
const spare = 3;
/** Adversarial images on the contact sheet and in the report: as many as these, or as few, or what so many pixels are. */
const [mostShown, fewestShown, pixelsShown] = [40, 8, 500_000];

/**
 * Attacks images in their order until enough were attacked.
 * @throws InterruptedError after a signal, with a ledger to go on from; what `audit` and the ledger throw.
 */
export async function runAudit(run: AttackRunOptions): Promise<AttackRun> {
  const { box, attack, source, wanted, k, context, folder } = run;
  const { channels, height, width } = box;
  const size = channels * height * width;
  const count = Math.min(source.count, spare * wanted);
  const target = { height, width, channels: channels === 1 ? (1 as const) : (3 as const) };
  const all = await pixelsOf(source, target, 0, count);
  const image = (i: number): Uint8Array => all.subarray(i * size, (i + 1) * size);
  const ledger = await openAttackLedger(folder, {
    settings: run.settings,
    shape: { channels, height, width },
    journalled: run.isRemote,
    examples: run.examples,
  });
  const bar = context.bar(`${attack.name} on ${box.name}`, wanted);
  try {
    const before = ledger.entries.filter((entry) => entry.k === k);
    let attacked = new Set(before.filter(isAttacked).map(({ record }) => record.index)).size;
    bar.update(attacked);
    const records = await audit({
      ...{ box: counting(box, ledger), attack, wanted, criterion: misclassified(k) },
      ...{ examples: run.examples, range: run.range, seed: run.seed, budget: run.budget },
      ...{ signal: context.signal, sideBySide: box.concurrency ?? 1, onNotice: context.note },
      images: Array.from({ length: count }, (_, i) => ({
        image: image(i),
        label: run.labels[i] ?? -1,
      })),
      records: before.map(({ record }) => record),
      answers: ledger.answers.filter((answer) => answer.k === k),
      onAnswers: (answers) => ledger.answered(k, answers),
      async onRecord(record) {
        const shape = { channels, height, width };
        await writeAttackImage(
          join(folder.originals, originalFile(record.index)),
          image(record.index),
          shape,
        );
        await ledger.done({ k, record, name: String(record.index) });
        if (record.outcome !== 'skipped' && record.example === 0) bar.update(++attacked);
      },
    }).catch((error: unknown) => {
      const said = `${attacked} images are in ${folder.ledger}`;
      const goOn = 'The same command with --resume goes on';
      if (context.signal.aborted)
        throw new InterruptedError(`interrupted: ${said}. ${goOn}`, { cause: error });
      // What an address has answered stands in the journal, whatever it says now.
      if (run.isRemote && error instanceof ModelError)
        throw new ModelError(`${error.message}. ${said}. ${goOn}, and asks nothing twice`, {
          ...error.details,
          cause: error,
        });
      throw error;
    });
    await ledger.finish(ledger.unanswered);
    const pictures = records
      .filter(({ success }) => success)
      .slice(
        0,
        Math.min(mostShown, Math.max(fewestShown, Math.floor(pixelsShown / (height * width)))),
      )
      .map((record) => pictured(record, image(record.index), box));
    const sheet = folder.sheet(1);
    if (pictures.length > 0)
      await writeAtomically(sheet, contactSheet(pictures), { what: 'contact sheet' });
    return { records, summary: summarizeAttack(records, k), pictures, sheet };
  } finally {
    bar.end();
    ledger.close();
  }
}

const isAttacked = ({ record }: { readonly record: AttackRecord }): boolean =>
  record.outcome !== 'skipped';

/** The same box, whose questions stand in the journal before they leave. */
function counting(box: BlackBox, ledger: AttackLedger): BlackBox {
  return {
    ...box,
    predict(images, n, signal, isJudgement) {
      ledger.asking(n);
      return box.predict(images, n, signal, isJudgement);
    },
  };
}

function pictured(record: AttackRecord, original: Uint8Array, box: BlackBox): ReportAdversarial {
  const { height, width } = box;
  const channels = box.channels === 1 ? 1 : 3;
  const name = (rows: AttackRecord['before']) => rows[0]?.name ?? '';
  return {
    ...{ height, width, channels },
    original: interleaved(original, channels),
    adversarial: interleaved(record.image, channels),
    truth: name(record.before),
    predicted: name(record.after),
    pixels: record.l0,
    queries: record.queries.total,
    before: record.before.map(({ name: of, probability }) => ({ name: of, value: probability })),
    after: record.after.map(({ name: of, probability }) => ({ name: of, value: probability })),
  };
}

/** Original, adversarial image and the heat of the changes side by side, four such a row, with a white line between. */
function contactSheet(pictures: readonly ReportAdversarial[]): Uint8Array {
  const [{ height, width } = { height: 1, width: 1 }] = pictures;
  const zoom = Math.max(1, Math.round(64 / width));
  const across = Math.min(4, pictures.length);
  const [cellWidth, cellHeight] = [3 * width * zoom + 8, height * zoom + 8];
  const rows = Math.ceil(pictures.length / across);
  const [fullWidth, fullHeight] = [across * cellWidth, rows * cellHeight];
  const sheet = new Uint8Array(3 * fullWidth * fullHeight).fill(255);
  pictures.forEach((one, i) => {
    const heat = changesAsHeat({ ...one, pixels: one.original }, one.adversarial);
    const [left, top] = [(i % across) * cellWidth + 4, Math.floor(i / across) * cellHeight + 4];
    for (let y = 0; y < height * zoom; y++)
      for (let x = 0; x < 3 * width * zoom; x++) {
        const panel = Math.floor(x / (width * zoom));
        const at = Math.floor(y / zoom) * width + (Math.floor(x / zoom) % width);
        const pixels = [one.original, one.adversarial, heat][panel] ?? one.original;
        const channels = panel === 2 ? 3 : one.channels;
        for (let c = 0; c < 3; c++)
          sheet[3 * ((top + y) * fullWidth + left + x) + c] =
            pixels[at * channels + (channels === 1 ? 0 : c)] ?? 0;
      }
  });
  return encodePng(sheet, fullWidth, fullHeight, 3);
}
