import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml, html } from './markup.js';

describe('html', () => {
  it('escapes what is put in and keeps what it made itself', () => {
    const name = html`<b>${'<i>&"\''}</b>`;
    expect(html`<p title="${'"x"'}">${name}</p>`.text).toBe(
      '<p title="&quot;x&quot;"><b>&lt;i&gt;&amp;&quot;&#39;</b></p>',
    );
  });

  it('joins lists, writes numbers, and leaves out undefined and false', () => {
    const items = [1, 2].map((n) => html`<li>${n}</li>`);
    expect(html`<ul>${items}</ul>${undefined}${false}`.text).toBe('<ul><li>1</li><li>2</li></ul>');
  });

  it('lets no text open a tag or end an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"']/);
      }),
      { numRuns: 40 },
    );
  });
});
