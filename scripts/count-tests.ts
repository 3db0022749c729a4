/**
 * Says how many tests passed and failed, as a line of its own, and ends as they did.
 * Arguments: vitest's JSON report, vitest's exit code.
 */
import { readFileSync } from 'node:fs';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const [path = '', code = '1'] = process.argv.slice(2);
const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
// A file that does not load, or whose hooks fail, has no failed test to show for it.
const brokenFiles = report.testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
);
const counted = report.numFailedTests + brokenFiles.length;
// Vitest also fails on an error outside any test.
const failed = counted === 0 && code !== '0' ? 1 : counted;
console.log(`${report.numPassedTests} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
