/** Work beside other work: files that are compressed and written while the program goes on. */

/** A list of such work. */
export interface Meanwhile {
  add(work: Promise<unknown>): void;
  /** Once all of it is done. @throws what the first that failed has thrown. */
  finished(): Promise<void>;
}

/** An empty list. What fails is told when all is awaited, and not before. */
export function meanwhile(): Meanwhile {
  const all: Promise<unknown>[] = [];
  return {
    add(work) {
      work.catch(() => undefined);
      all.push(work);
    },
    async finished() {
      await Promise.all(all);
    },
  };
}
