// Turns vite's output into what the gateway embeds:
//
//   node embed.js <dist> <assets> <address of the page> <script that runs this>
//
// Each asset compressed, the page and the lists as they are, and mod.rs, which names them all.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';

const CONTENT_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ttf': 'font/ttf',
  '.woff2': 'font/woff2',
};
const AS_IS = ['index.html', 'LICENSES.txt', 'VERSIONS'];

const [dist, assets, address, script] = process.argv.slice(2);
mkdirSync(assets, { recursive: true });
for (const name of AS_IS) copyFileSync(join(dist, name), join(assets, name));

const entries = readdirSync(join(dist, 'assets'))
  .sort()
  .map((name) => {
    const contentType = CONTENT_TYPES[extname(name)];
    if (!contentType) throw new Error(`no content type is known for ${name}`);
    const bytes = readFileSync(join(dist, 'assets', name));
    // gzip itself, because zlib's output differs between builds of node.
    const gzip = execFileSync('gzip', ['-9', '-n', '-c'], { input: bytes, maxBuffer: 1 << 26 });
    writeFileSync(join(assets, `${name}.gz`), gzip);
    return `    Asset {
        name: "${name}",
        content_type: "${contentType}",
        gzip: include_bytes!("${name}.gz"),
        sha256: "${createHash('sha256').update(bytes).digest('hex')}",
    },
`;
  });

writeFileSync(
  join(assets, 'mod.rs'),
  `//! The page's files. Written by \`${script}\`; change the sources there and run it again.

use super::Asset;

/// What \`${address}\` answers with.
pub(super) const PAGE: &str = include_str!("index.html");

/// What lies under \`${address}/assets/\`, sorted by name. A name never stands for other bytes.
pub(super) const ASSETS: &[Asset] = &[
${entries.join('')}];
`,
);
