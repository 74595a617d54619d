/** castle.example: the servers that documents speak of, each on a port of loopback. All of them want alice and her password. */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Credentials } from '../../src/crypto/credentials.ts';
import { requireNtlm, type NtlmRequestListener, type NtlmServerOptions } from '../../src/http/index.ts';
import { makeCertificate } from '../http/support/certificate.ts';

export const PASSWORD = 'drawbridge-41';
const ALICE = { username: 'alice', domain: 'CASTLE' };

const login = ({ username, domain }: { readonly username: string; readonly domain: string }): Credentials | undefined =>
  username.toLowerCase() === 'alice' && ['castle', ''].includes(domain.toLowerCase())
    ? Credentials.fromPassword({ ...ALICE, username, domain, password: PASSWORD })
    : undefined;

/** A server of Windows, as far as NTLM goes: what it offers, what it calls itself, and whether it demands bindings. */
export function windows(name: string, listener: NtlmRequestListener, options: Partial<NtlmServerOptions> = {}): RequestListener {
  const target = { nbDomainName: 'CASTLE', nbComputerName: name.toUpperCase(), dnsDomainName: 'castle.example', dnsComputerName: `${name}.castle.example` };
  return requireNtlm({ credentials: login, schemes: ['Negotiate', 'NTLM'], target, channelBindings: 'allowed', ...options }, listener);
}

export interface Castle extends AsyncDisposable {
  /** Environment of a process that can go there. */
  readonly env: Readonly<Record<string, string>>;
  /** PEM of the authority that its servers are known by. */
  readonly ca: string;
}

/** By the name that comes before castle.example and a port: what answers there over TLS. */
export type Houses = Readonly<Record<string, RequestListener>>;

export async function openCastle(houses: Houses, readers: Readonly<Record<string, unknown>> = {}): Promise<Castle> {
  const { ca, cert, key } = await makeCertificate('*.castle.example');
  const servers: Server[] = [];
  const hosts: Record<string, number> = {};
  for (const [place, listener] of Object.entries(houses)) {
    const server = createServer({ cert, key }, listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    const [name, port = '443'] = place.split(':');
    hosts[`${name}.castle.example:${port}`] = (server.address() as AddressInfo).port;
  }
  const env = { CASTLE: JSON.stringify({ hosts, readers: { password: PASSWORD, ca, order: { grain: 7 }, ...readers } }) };
  const close = async (): Promise<void> => {
    for (const server of servers) server.close().closeAllConnections();
    await Promise.all(servers.map((server) => once(server, 'close')));
  };
  return { env, ca, [Symbol.asyncDispose]: close };
}
