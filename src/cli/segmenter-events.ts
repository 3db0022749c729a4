/** The events of trainings that follow one another, told as those of one run. */
import type { TrainEvent, TrainListener } from '../train/events.js';

/** Where one training stands among the others. */
export interface StagePlace {
  readonly name: string;
  /** Steps of those before it. */
  readonly before: number;
  /** Steps that those after it will take. */
  readonly after: number;
  readonly stepsPerEpoch: number;
  readonly isLast: boolean;
}

/**
 * A listener for one training of several: its steps count from where the one before ended. One that had ended already,
 * as on resuming, is passed over in silence, so that what a log says of the later ones stays; the end of any but the
 * last is told as a notice.
 */
export function shiftedEvents(listener: TrainListener, place: StagePlace): TrainListener {
  const { name, before, after, stepsPerEpoch, isLast } = place;
  let held: TrainEvent | null = null;
  const release = (): void => {
    if (held) listener(held);
    held = null;
  };
  return (event) => {
    if (event.type === 'start') {
      held = { ...event, ...moved(event.step), steps: before + event.steps + after };
      if (isLast || !event.resumed) release();
      return;
    }
    if (event.type === 'end' && !isLast) {
      const hadEnded = held !== null;
      held = null;
      if (!hadEnded && event.reason !== 'interrupted')
        listener({ type: 'notice', message: `${name}: ${event.reason} after ${event.step} steps` });
      if (event.reason === 'interrupted') listener({ ...event, step: before + event.step });
      return;
    }
    release();
    if (event.type === 'notice') return listener(event);
    if (event.type === 'step')
      return listener({
        ...event,
        ...moved(event.step),
        epoch: event.epoch + before / stepsPerEpoch,
        steps: before + event.steps + after,
        secondsLeft: event.secondsLeft + after / event.stepsPerSecond,
      });
    if (event.type === 'evaluation')
      return listener({
        ...event,
        ...moved(event.step),
        epoch: event.epoch + before / stepsPerEpoch,
      });
    listener({ ...event, step: before + event.step });
  };

  function moved(step: number): { step: number } {
    return { step: before + step };
  }
}
