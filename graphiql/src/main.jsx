// Mounts GraphiQL with the examples that suit the gateway's mode.

import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './style.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { readConfig } from './config.js';
import { examples } from './examples.js';
import { createFetcher } from './fetcher.js';
import { createStorage } from './storage.js';

const config = await readConfig();
const storage = createStorage(config);
const fetcher = createFetcher(config, storage);
const plugins = [HISTORY_PLUGIN, explorerPlugin()];
const tabs = examples(config);

createRoot(document.getElementById('explorer')).render(
  <GraphiQL
    defaultEditorToolsVisibility="variables"
    defaultTabs={tabs}
    fetcher={fetcher}
    inputValueDeprecation
    plugins={plugins}
    schemaDescription
    storage={storage}
  >
    <GraphiQL.Logo>
      mono-gateway{config.mode === 'demo' && <span className="mode">demo: invented data</span>}
    </GraphiQL.Logo>
  </GraphiQL>,
);
