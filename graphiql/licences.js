// A build plugin that lists what ends up in the bundle: VERSIONS and LICENSES.txt.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const LICENCE_FILE = /^(licen[cs]e|copying|notice|third-?party-?notices)(\.|$)/i;

// Inside monaco-editor, which does not say so itself.
const CODICONS = `\
The icon font "codicon" in monaco-editor is (c) Microsoft Corporation, licensed under the
Creative Commons Attribution 4.0 International Public License, unmodified.
Source: https://github.com/microsoft/vscode-codicons
Licence: https://creativecommons.org/licenses/by/4.0/legalcode
`;

// For packages that name this licence without carrying its text.
const MIT = `\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/** Returns the plugin for the page and the one for its workers; they share what they find. */
export function licences() {
  const roots = new Set();

  const collect = (bundle) => {
    for (const output of Object.values(bundle)) {
      const sources =
        output.type === 'chunk'
          ? Object.entries(output.modules)
              .filter(([id, module]) => module.renderedLength > 0 || isStyle(id))
              .map(([id]) => id)
          : output.originalFileNames.map((name) => join(import.meta.dirname, name));
      for (const source of sources) {
        const root = packageRoot(source);
        if (root) roots.add(root);
      }
    }
  };

  return {
    worker: () => ({ name: 'licences-of-workers', generateBundle: (_, bundle) => collect(bundle) }),
    page: () => ({
      name: 'licences',
      generateBundle(_, bundle) {
        collect(bundle);
        const packages = [...roots].map(describe).sort(byName);
        const unique = packages.filter((one, i) => one.name !== packages[i - 1]?.name);
        const names = unique.map(({ name }) => `${name}\n`).join('');
        const texts = unique.map(({ name, text }) => `${'='.repeat(80)}\n${name}\n\n${text}`);
        this.emitFile({ type: 'asset', fileName: 'VERSIONS', source: names });
        this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source: texts.join('\n') });
      },
    }),
  };
}

const isStyle = (id) => /\.css(\?|$)/.test(id);

const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** The folder of the package that a module belongs to, or undefined for our own. */
function packageRoot(id) {
  const path = id.replace(/^\0/, '').replace(/\?.*$/, '');
  if (!path.includes('/node_modules/')) return undefined;
  const [, root] = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(dirname(path) + '/') ?? [];
  return root && existsSync(join(root, 'package.json')) ? root : undefined;
}

function describe(root) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const texts = readdirSync(root)
    .filter((file) => LICENCE_FILE.test(file))
    .sort()
    .map((file) => readFileSync(join(root, file), 'utf8').replaceAll('\r\n', '\n').trim() + '\n');
  if (texts.length === 0) {
    // A licence that is new here must not slip in without its text.
    if (license !== 'MIT') throw new Error(`${name}: no licence text, and it is ${license}`);
    texts.push(`MIT Licence, (c) the authors of ${name}\n`, MIT);
  }
  if (name === 'monaco-editor') texts.push(CODICONS);
  return { name: `${name} ${version}`, text: texts.join('\n') };
}
