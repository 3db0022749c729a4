/** `espalier doctor`: what is there, what is missing, and how to mend it. */
import { checks } from '../checks.js';
import { command, noOptions } from '../command.js';

/** What became of one check. */
interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'missing' | 'absent';
  readonly detail: string;
  readonly remedy?: string;
}

export const doctor = command({
  name: 'doctor',
  summary: 'Check that this machine has what Espalier needs, and say how to mend it',
  examples: ['espalier doctor', 'espalier doctor --json'],
  arguments: [],
  options: noOptions,
  async run(_, { cwd }) {
    const findings: Finding[] = [];
    // One after the other: two native sessions that start at once have crashed.
    for (const { name, needed, remedy, look } of checks)
      try {
        findings.push({ name, state: 'ok', detail: await look(cwd) });
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        findings.push({ name, state: needed ? 'missing' : 'absent', detail, remedy });
      }
    const isWell = findings.every(({ state }) => state !== 'missing');
    return {
      json: { ok: isWell, checks: findings },
      text: describe(findings, isWell),
      exitCode: isWell ? 0 : 1,
    };
  },
});

function describe(findings: readonly Finding[], isWell: boolean): string {
  const widest = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, state, detail, remedy }) => [
    `  ${state.padEnd(7)}  ${name.padEnd(widest)}  ${detail}`,
    ...(remedy ? [`  ${''.padEnd(7)}  ${''.padEnd(widest)}  to mend it: ${remedy}`] : []),
  ]);
  const verdict = isWell
    ? 'All that is needed is there.'
    : 'Something that is needed is missing: see above.';
  return [...lines, '', verdict].join('\n');
}
