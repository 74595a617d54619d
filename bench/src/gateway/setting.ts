/** Squid, what stands in front of it, and what lies behind: each in a process of its own. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProgram, freePorts, Service, TemporaryDirectory } from '../../dist/support/processes.js';
import { startSquid } from '../../dist/support/squid.js';
import { alice } from '../../dist/support/users.js';
import type { Order, Outcome } from './clients.ts';

export const OURS = 'ntlmachine gateway';
export const BARE = 'bare node:http, Squid asks nothing';
export const CNTLM = 'cntlm';

export interface Relay {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

export interface Setting {
  readonly relays: readonly Relay[];
  turn(relay: Relay, clients: number, milliseconds: number): Promise<Outcome>;
  close(): Promise<void>;
}

/** @throws Error where Squid, ntlm_auth or cntlm is missing. */
export async function startSetting(): Promise<Setting> {
  const squid = await startSquid();
  const children: ChildProcess[] = [];
  const start = async (file: string, ...args: readonly string[]): Promise<ChildProcess> => {
    const child = fork(fileURLToPath(new URL(`${file}.js`, import.meta.url)), args, { execArgv: profiled(args[0]) });
    children.push(child);
    return child;
  };
  const ready = async (child: ChildProcess): Promise<{ readonly url: string }> => ((await once(child, 'message')) as [{ url: string }])[0];
  const relay = async (name: string, kind: string, upstream: string): Promise<Relay> => {
    const child = await start('relay', kind, upstream, JSON.stringify(alice));
    return { name, pid: child.pid ?? 0, ...(await ready(child)) };
  };
  const [origin, clients, cntlm] = await Promise.all([start('origin').then(ready), start('clients'), startCntlm(squid.proxy)]);
  const relays = [await relay(OURS, 'ours', squid.proxy), await relay(BARE, 'bare', squid.open), cntlm.relay];
  return {
    relays,
    turn: async ({ url }, number, milliseconds) => {
      clients.send({ proxy: url, origin: origin.url, clients: number, milliseconds } satisfies Order);
      return ((await once(clients, 'message')) as [Outcome])[0];
    },
    close: async () => {
      for (const child of children) child.disconnect();
      await Promise.all([cntlm.close(), squid.close()]);
    },
  };
}

/** `GATEWAY_PROFILE=DIRECTORY`: the gateway's own process leaves a profile there. */
function profiled(kind: string | undefined): string[] {
  const directory = process.env['GATEWAY_PROFILE'];
  return kind === 'ours' && directory !== undefined ? ['--cpu-prof', `--cpu-prof-dir=${directory}`] : [];
}

async function startCntlm(proxy: string): Promise<{ readonly relay: Relay; close(): Promise<void> }> {
  const program = findProgram('cntlm');
  const directory = new TemporaryDirectory('cntlm');
  const [port = 0] = await freePorts(1);
  const { username, domain, password } = alice;
  const lines = [`Username ${username}`, `Domain ${domain}`, `Password ${password}`, `Proxy ${new URL(proxy).host}`, `Listen 127.0.0.1:${port}`, 'Auth NTLMv2'];
  writeFileSync(directory.file('cntlm.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
  const service = await Service.start({ program, args: ['-f', '-c', directory.file('cntlm.conf')], logs: [], ports: [port] });
  return {
    relay: { name: CNTLM, url: `http://127.0.0.1:${port}`, pid: service.pid },
    close: async () => {
      await service.close();
      await directory.close();
    },
  };
}

/** Seconds of processor time that a process has had, all its threads; Linux alone tells. */
export function processorTime(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}
