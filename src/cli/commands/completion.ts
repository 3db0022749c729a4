/** `espalier completion`: the script by which a shell completes commands and options. */
import { UsageError } from '../../errors.js';
import { command, noOptions } from '../command.js';
import { loadAll } from '../command-entry.js';
import { completionScript, type Shell, shells } from '../completions.js';
import { didYouMean } from '../suggest.js';

const isShell = (word: string): word is Shell => (shells as readonly string[]).includes(word);

export const completion = command({
  name: 'completion',
  summary: 'Print the script by which bash, zsh or fish completes commands and options',
  examples: [
    'eval "$(espalier completion bash)"',
    'source <(espalier completion zsh)',
    'espalier completion fish | source',
  ],
  arguments: [{ name: 'shell', description: shells.join(', '), required: true }],
  options: noOptions,
  async run({ arguments: { shell } }, { commands }) {
    if (!isShell(shell))
      throw new UsageError(
        `<shell>: must be one of ${shells.join(', ')}, got "${shell}".${didYouMean(shell, shells)}`.replace(
          /\.$/,
          '',
        ),
        { expected: shells, actual: shell },
      );
    const script = completionScript(shell, await loadAll(commands));
    return { json: { shell, script }, text: script.trimEnd() };
  },
});
