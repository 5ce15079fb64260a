// Relay's compiler, on the documents of account.js.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { run } from '../support.mjs';

const compiler = createRequire(import.meta.url)('relay-compiler');

/** Compiles against `schema`, a file, in `folder`; says how that went and where the artifacts are. */
export async function compile(schema, folder) {
  const artifacts = join(folder, 'artifacts');
  mkdirSync(artifacts);
  mkdirSync(join(folder, 'src'));
  copyFileSync(fileURLToPath(new URL('account.js', import.meta.url)), join(folder, 'src/account.js'));
  copyFileSync(schema, join(folder, 'schema.graphql'));
  writeFileSync(
    join(folder, 'relay.config.json'),
    JSON.stringify({
      src: './src',
      schema: './schema.graphql',
      language: 'javascript',
      // Node can require the artifacts; as modules their imports are for bundlers only.
      eagerEsModules: false,
      artifactDirectory: './artifacts',
      customScalarTypes: { Date: 'string', DateTime: 'string', MinorUnits: 'number' },
    }),
  );
  return { ...(await run(compiler, ['--noWatchman'], { cwd: folder })), artifacts };
}
