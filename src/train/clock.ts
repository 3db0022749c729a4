/** Steps per second and time left. Nothing that is computed depends on it. */

/** How often the loop lets signals and timers through, in milliseconds. */
const breathEvery = 100;

export class Clock {
  #begun = 0;
  #firstStep = 0;
  #breathed = 0;

  start(step: number): void {
    this.#begun = performance.now();
    this.#firstStep = step;
  }

  seconds(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  /** Whether the event loop should have its turn now. */
  due(): boolean {
    const now = performance.now();
    if (now - this.#breathed < breathEvery) return false;
    this.#breathed = now;
    return true;
  }

  speed(step: number, steps: number): { stepsPerSecond: number; secondsLeft: number } {
    const stepsPerSecond = (step - this.#firstStep) / Math.max(this.seconds(), 1e-9);
    return { stepsPerSecond, secondsLeft: (steps - step) / stepsPerSecond };
  }
}
