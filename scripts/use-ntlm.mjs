/** The samples of examples/use-ntlm, each in a component of its framework, through a whole handshake with an acceptor. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { project, root, start, versionOf } from './trial.mjs';

/** The acceptor's end, and `value`: what the component shows. */
const COMMON = `
  import { Window } from 'happy-dom';
  import { Credentials } from 'ntlmachine';
  import { NtlmAcceptor } from 'ntlmachine/acceptor';
  const window = new Window();
  const { document } = window;
  for (const name of ['window', 'document', 'navigator', 'Node', 'Element', 'HTMLElement', 'SVGElement', 'Text', 'Comment', 'Event', 'HTMLIFrameElement', 'HTMLMediaElement', 'DocumentFragment', 'CharacterData']) globalThis[name] ??= name === 'window' ? window : window[name];
  const place = document.body.appendChild(document.createElement('main'));
  const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });
  const acceptor = new NtlmAcceptor({ credentials });
  let actor;
  const keep = (made) => (actor = made);
  async function send(token) {
    if (acceptor.state === 'listening') return actor.send({ type: 'challenge', token: acceptor.challenge(token) });
    const { ok } = await acceptor.authenticate(token);
    actor.send({ type: ok ? 'accepted' : 'rejected' });
  }
  const turn = () => new Promise((done) => setTimeout(done, 50));
  async function finish() {
    await turn();
    const before = place.textContent;
    actor.send({ type: 'negotiate' });
    for (let i = 0; i < 40 && place.textContent !== 'authenticated'; i += 1) await turn();
    console.log(before + ' ' + place.textContent);
    process.exit(0);
  }`;

const samples = [
  {
    name: 'react',
    adapter: '@xstate/react',
    packages: ['react', 'react-dom'],
    files: {
      'program.js': `${COMMON}
        const { createElement } = await import('react');
        const { createRoot } = await import('react-dom/client');
        const { useNtlm } = await import('./react.js');
        const options = { credentials };
        function Login() {
          const { snapshot, actor } = useNtlm(options, send);
          keep(actor);
          return createElement('p', null, String(snapshot.value));
        }
        createRoot(place).render(createElement(Login));
        await finish();`,
    },
  },
  {
    name: 'vue',
    adapter: '@xstate/vue',
    packages: ['vue'],
    files: {
      'program.js': `${COMMON}
        const { createApp, h } = await import('vue');
        const { useNtlm } = await import('./vue.js');
        createApp({
          setup() {
            const { snapshot, actor } = useNtlm({ credentials }, send);
            keep(actor);
            return () => h('p', String(snapshot.value.value));
          },
        }).mount(place);
        await finish();`,
    },
  },
  {
    name: 'svelte',
    adapter: '@xstate/svelte',
    packages: ['svelte@5'],
    files: {
      'Login.svelte': `<script>
          import { useNtlm } from './svelte.js';
          const { options, send, keep } = $props();
          const { snapshot, actor } = useNtlm(options, send);
          keep(actor);
        </script><p>{$snapshot.value}</p>`,
      'program.js': `${COMMON}
        const { readFileSync, writeFileSync } = await import('node:fs');
        const { compile } = await import('svelte/compiler');
        writeFileSync('login.js', compile(readFileSync('Login.svelte', 'utf8'), { generate: 'client', filename: 'Login.svelte' }).js.code);
        const { mount } = await import('svelte');
        const { default: Login } = await import('./login.js');
        mount(Login, { target: place, props: { options: { credentials }, send, keep } });
        await finish();`,
    },
  },
];

export async function useNtlm({ folder, tarball, score, rows }) {
  for (const { name, adapter, packages, files } of samples) {
    let problem;
    let version = '';
    try {
      const cwd = await project(folder, `use-ntlm-${name}`, [tarball, 'xstate@5', 'happy-dom', adapter, ...packages], { files });
      cpSync(join(root, `examples/use-ntlm/${name}.js`), join(cwd, `${name}.js`));
      version = versionOf(cwd, name);
      const said = await start(process.execPath, ['--conditions', 'browser', 'program.js'], { cwd, timeout: 60_000 });
      if (said.trim() !== 'idle authenticated') problem = `said ${said}`;
    } catch (error) {
      problem = error.message;
    }
    score.add(`useNtlm, ${name}`, problem);
    rows.push([`${name} ${version}, ${adapter}`, 'a component with `useNtlm`', problem === undefined ? 'works' : 'fails']);
  }
}
