/**
 * The lines of the command table. A command's module is loaded when the command is called for: all of them with what they
 * import are some 750 files, which take half a second.
 */
import type { Command } from './command.js';

/** A command that is not loaded yet. */
export interface CommandEntry {
  readonly name: string;
  readonly load: () => Promise<Command>;
}

/**
 * A line of the table.
 * @param name what calls the command; the types see that the command says the same of itself
 * @param load imports its module, which exports the command alone
 */
export function entry<const Name extends string, Module>(
  name: Name,
  load: () => Promise<{ readonly [Export in keyof Module]: Command<Name> }>,
): CommandEntry {
  return {
    name,
    async load() {
      const [command] = Object.values<Command<Name>>(await load());
      if (!command) throw new Error(`internal: the module of "${name}" exports no command`);
      return command;
    },
  };
}

/** The commands themselves, for what is about all of them. */
export const loadAll = (entries: readonly CommandEntry[]): Promise<Command[]> =>
  Promise.all(entries.map(({ load }) => load()));
