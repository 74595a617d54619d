/**
 * The way of a newcomer, from an empty folder to 200: `npm run consumers -- newcomer` tells its commands and seconds. The
 * server wants NTLM; its program is the README's, with another address.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Credentials } from 'ntlmachine';
import { createNtlmServer } from 'ntlmachine/http';
import { root, start } from './trial.mjs';

const PASSWORD = 'drawbridge-41';

/** The README's sample for axios, asked of another server. */
function program(origin) {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [, sample] = /```ts[^\n]*\n(import axios[^]*?)```/.exec(readme) ?? [];
  if (sample === undefined) throw new Error('the README has no sample for axios');
  return `const password = '${PASSWORD}';\n${sample.replaceAll(/https:\/\/[\w.]+\.example/g, origin)}`;
}

export async function newcomer({ folder, tarball, score }) {
  const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: PASSWORD });
  const server = createNtlmServer({ credentials }, (request, response) => response.end(`hello ${request.ntlm.username}`));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const cwd = join(folder, 'newcomer');
  mkdirSync(cwd);
  const seconds = async (command, ...args) => {
    const before = performance.now();
    const said = await start(command, args, { cwd, env: { http_proxy: '', HTTP_PROXY: '' } });
    return [said.trim(), ((performance.now() - before) / 1000).toFixed(1)];
  };
  try {
    const [, initialized] = await seconds('npm', 'init', '-y');
    const [, installed] = await seconds('npm', 'install', '--silent', tarball, 'xstate', 'axios');
    writeFileSync(join(cwd, 'app.mjs'), program(`http://127.0.0.1:${server.address().port}`));
    const [said, ran] = await seconds(process.execPath, 'app.mjs');
    console.log(`newcomer: npm init -y ${initialized} s; npm install ntlmachine xstate axios ${installed} s; node app.mjs ${ran} s: ${said}`);
    score.add('newcomer', said.includes('200') ? undefined : `said ${said}`);
  } catch (error) {
    score.add('newcomer', error.message);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
