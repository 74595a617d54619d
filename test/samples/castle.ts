/** castle.example: the servers that documents speak of, each on a port of loopback. They want alice and her password. */
import { once } from 'node:events';
import type { RequestListener, Server as PlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Credentials } from '../../src/crypto/credentials.ts';
import type { NtlmServerOptions } from '../../src/http/index.ts';
import { makeCertificate } from '../http/support/certificate.ts';
import type { Surroundings } from './surroundings.ts';

export const PASSWORD = 'drawbridge-41';
const USERS = ['alice', 'gatekeeper'];

export const login = ({ username, domain }: { readonly username: string; readonly domain: string }): Credentials | undefined =>
  USERS.includes(username.toLowerCase()) && ['castle', ''].includes(domain.toLowerCase())
    ? Credentials.fromPassword({ username, domain, password: PASSWORD })
    : undefined;

/** A server of Windows, as far as NTLM goes: what it offers, what it calls itself, and whether it demands bindings. */
export function windows(name: string, options: Partial<NtlmServerOptions> = {}): NtlmServerOptions {
  const target = { nbDomainName: 'CASTLE', nbComputerName: name.toUpperCase(), dnsDomainName: 'castle.example', dnsComputerName: `${name}.castle.example` };
  return { credentials: login, schemes: ['Negotiate', 'NTLM'], target, channelBindings: 'allowed', ...options };
}

/** What stands in castle.example, by its name before that and a port; a whole name is that of somebody else. */
export interface Houses {
  /** Port 443 where none is named. */
  readonly tls: Readonly<Record<string, RequestListener>>;
  /** Port 80 where none is named. `portOf` tells where another is: `keep.castle.example:443`. */
  readonly plain: Readonly<Record<string, (portOf: (host: string) => number | undefined) => PlainServer>>;
}

export interface Castle extends AsyncDisposable {
  /** For a process that goes there. */
  readonly surroundings: Surroundings;
}

export async function openCastle(houses: Houses): Promise<Castle> {
  const places = Object.keys(houses.tls).filter((place) => place.includes('.'));
  const { ca, cert, key } = await makeCertificate('*.castle.example', ...places);
  const servers: (Server | PlainServer)[] = [];
  const hosts: Record<string, number> = {};
  const open = async (place: string, standard: string, server: Server | PlainServer): Promise<void> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    const [name = '', port = standard] = place.split(':');
    hosts[`${name.includes('.') ? name : `${name}.castle.example`}:${port}`] = (server.address() as AddressInfo).port;
  };
  for (const [place, listener] of Object.entries(houses.tls)) await open(place, '443', createServer({ cert, key }, listener));
  for (const [place, make] of Object.entries(houses.plain)) await open(place, '80', make((host) => hosts[host]));
  return {
    surroundings: { hosts, ca, cert, key, password: PASSWORD, site: 'https://keep.castle.example/', greeting: 'Hello CASTLE\\alice' },
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.close().closeAllConnections();
      await Promise.all(servers.map((server) => once(server, 'close')));
    },
  };
}
