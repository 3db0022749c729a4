/** Completion scripts for shells, made from the commands. Static: the shell starts no program of ours for them. */
import type { Command } from './command.js';
import type { OptionInfo } from './option.js';
import { globalOptions } from './parse.js';

/** Shells that there is completion for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The script for a shell, to be sourced by it. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  if (shell === 'bash') return bash(commands);
  if (shell === 'zsh') return zsh(commands);
  return fish(commands);
}

const globalFlags = globalOptions.map(({ flag }) => flag);
const configOption = { flag: '--config', description: 'options from a YAML or JSON file' };

/** `espalier <words>` -> what may follow: the next words of command names. */
function nextWords(commands: readonly Command[]): Map<string, string[]> {
  const next = new Map<string, string[]>();
  for (const { name } of commands) {
    const parts = name.split(' ');
    parts.forEach((part, i) => {
      const before = parts.slice(0, i).join(' ');
      const known = next.get(before) ?? [];
      if (!known.includes(part)) next.set(before, [...known, part]);
    });
  }
  return next;
}

const choicesOf = ({ accepts }: OptionInfo): readonly (string | number)[] =>
  accepts.kind === 'choice' ? accepts.choices : [];

const flagsOf = ({ options }: Command): string[] => [
  ...options.map(({ flag }) => flag),
  ...(options.length > 0 ? [configOption.flag] : []),
  ...globalFlags,
];

function bash(commands: readonly Command[]): string {
  const words = [...nextWords(commands)].map(
    ([before, next]) => `    "${before}") words="${next.join(' ')}" ;;`,
  );
  const flags = commands.map((each) => `    "${each.name}") flags="${flagsOf(each).join(' ')}" ;;`);
  const choices = commands.flatMap(({ name, options }) =>
    options
      .filter((option) => choicesOf(option).length > 0)
      .map(
        (option) =>
          `    "${name} ${option.flag}") COMPREPLY=($(compgen -W "${choicesOf(option).join(' ')}" -- "$current")); return ;;`,
      ),
  );
  return `# bash completion of espalier: eval "$(espalier completion bash)"
_espalier() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="" words="" flags="${globalFlags.join(' ')}" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command\${command:+ }\${COMP_WORDS[i]}" in
${[...new Set(commands.flatMap(({ name }) => prefixes(name)))].map((name) => `      "${name}") command="${name}" ;;`).join('\n')}
    esac
  done
  case "$command" in
${words.join('\n')}
  esac
  case "$command" in
${flags.join('\n')}
  esac
  case "$command $previous" in
${choices.join('\n')}
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n "$words" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -o default -o bashdefault -F _espalier espalier
`;
}

/** `train ladder` -> `train`, `train ladder`. */
function prefixes(name: string): string[] {
  const parts = name.split(' ');
  return parts.map((_, i) => parts.slice(0, i + 1).join(' '));
}

/** zsh runs bash's completion through its own bridge, which keeps the two alike. */
function zsh(commands: readonly Command[]): string {
  return `# zsh completion of espalier: source <(espalier completion zsh)
autoload -Uz compinit bashcompinit
(( \${+functions[compdef]} )) || compinit
bashcompinit
${bash(commands).split('\n').slice(1).join('\n')}`;
}

function fish(commands: readonly Command[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const line = (condition: string, rest: string) =>
    `complete -c espalier -n ${quote(condition)} ${rest}`;
  const words = [...nextWords(commands)].flatMap(([before, next]) =>
    next.map((word) => {
      const name = before === '' ? word : `${before} ${word}`;
      const summary = commands.find((each) => each.name === name)?.summary ?? `${name} ...`;
      return line(`__espalier_at ${quote(before)}`, `-f -a ${quote(word)} -d ${quote(summary)}`);
    }),
  );
  const options = commands.flatMap(({ name, options: own }) => {
    const inside = `__espalier_in ${quote(name)}`;
    const all = own.map((option) => {
      const choices = choicesOf(option);
      const value =
        option.accepts.kind === 'boolean'
          ? ''
          : choices.length > 0
            ? ` -x -a ${quote(choices.join(' '))}`
            : ' -r';
      return line(inside, `-l ${option.flag.slice(2)}${value} -d ${quote(option.description)}`);
    });
    const config = line(inside, `-l config -r -d ${quote(configOption.description)}`);
    return own.length > 0 ? [...all, config] : all;
  });
  const globals = globalOptions.map(
    ({ flag, description }) => `complete -c espalier -l ${flag.slice(2)} -d ${quote(description)}`,
  );
  return `# fish completion of espalier: espalier completion fish | source
function __espalier_words
  string match --invert -- '-*' (commandline -opc)[2..]
end
function __espalier_at
  test (string join ' ' (__espalier_words)) = "$argv"
end
function __espalier_in
  string match --quiet -- "$argv*" (string join ' ' (__espalier_words))
end
${[...words, ...options, ...globals].join('\n')}
`;
}
