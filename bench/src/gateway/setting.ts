/** Squid, what stands in front of it, and what lies behind: each in a process of its own. */
import { writeFileSync } from 'node:fs';
import { findProgram, freePorts, Service, TemporaryDirectory } from '../../dist/support/processes.js';
import { startSquid } from '../../dist/support/squid.js';
import { alice } from '../../dist/support/users.js';
import type { Order, Outcome } from './clients.ts';
import { Processes, told } from './processes.ts';

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
  const processes = new Processes();
  const relay = async (name: string, kind: string, upstream: string): Promise<Relay> => {
    const child = processes.start('relay', kind, upstream, JSON.stringify(alice));
    return { name, pid: child.pid ?? 0, ...(await told<{ url: string }>(child)) };
  };
  const clients = processes.start('clients');
  const origin = await told<{ url: string }>(processes.start('origin'));
  const cntlm = await startCntlm(squid.proxy);
  const relays = [await relay(OURS, 'forward', squid.proxy), await relay(BARE, 'bare', squid.open), cntlm.relay];
  return {
    relays,
    turn: ({ url }, number, milliseconds) => {
      clients.send({ proxy: url, origin: origin.url, clients: number, milliseconds } satisfies Order);
      return told(clients);
    },
    close: async () => {
      processes.close();
      await Promise.all([cntlm.close(), squid.close()]);
    },
  };
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
