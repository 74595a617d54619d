/** `ntlmachine/http`, `/fetch`, `/gateway` and `/kerberos` where programs have neither sockets nor tickets: they bundle, and say what works instead. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { expect, test } from 'vitest';
import { node, root, temporary } from './support.ts';

const NEED_NODE = ['ntlmachine/http', 'ntlmachine/fetch', 'ntlmachine/gateway', 'ntlmachine/kerberos'];
const conditions = ['workerd', 'edge-light', 'react-native', 'browser'];

test.each(conditions)('a bundle for %s has every name, and each that needs Node is `unsupported`', async (condition) => {
  using folder = temporary();
  const names = JSON.parse(
    node(['--input-type=module', '-e', `const all = {}; for (const entry of ${JSON.stringify(NEED_NODE)}) all[entry] = Object.keys(await import(entry)); console.log(JSON.stringify(all));`]),
  ) as Record<string, string[]>;
  const program = Object.entries(names).map(([entry, each]) => `export { ${each.join(', ')} } from '${entry}';`).join('\n');
  const outfile = join(folder.path, 'bundle.mjs');
  const options = { bundle: true, format: 'esm', platform: 'neutral', conditions: [condition], mainFields: ['module', 'main'], outfile, absWorkingDir: root, tsconfigRaw: '{}' } satisfies BuildOptions;
  const { warnings } = await build({ ...options, stdin: { contents: program, resolveDir: root } });
  expect(warnings).toEqual([]);
  const script = join(folder.path, 'try.mjs');
  writeFileSync(
    script,
    `import * as all from './bundle.mjs';
    const told = {};
    for (const [name, value] of Object.entries(all)) {
      if (typeof value !== 'function') { told[name] = typeof value; continue; }
      try { Reflect.construct(value, [{}]); told[name] = 'works'; } catch (error) { told[name] = error.code + ' ' + error.message.includes('ntlmachine gateway'); }
    }
    console.log(JSON.stringify(told));`,
  );
  const told = JSON.parse(node([script])) as Record<string, string>;
  expect(Object.keys(told).sort()).toEqual([...new Set(Object.values(names).flat())].sort());
  const { HTTP_CHANNEL, connectionMachine, kerberosMachine, explainRefusal, parseChallenges, parseCredentials, ...absent } = told;
  expect([HTTP_CHANNEL, connectionMachine, kerberosMachine]).toEqual(['string', 'object', 'object']);
  expect([explainRefusal, parseChallenges, parseCredentials]).not.toContain('unsupported true');
  expect(new Set(Object.values(absent))).toEqual(new Set(['unsupported true']));
});
