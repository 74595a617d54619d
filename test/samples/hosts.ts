/** Names of castle.example lead to the servers of the test, as a hosts file and a router would have it. */
import { Server, Socket } from 'node:net';
import { surroundings } from './surroundings.ts';

interface Target {
  readonly host?: string;
  readonly hostname?: string;
  readonly port?: number;
}

/** `keep.castle.example:443` is a port of 127.0.0.1; what is not among the houses is opened by the sample itself. */
const { connect } = Socket.prototype;
Socket.prototype.connect = function (this: Socket, ...given: unknown[]) {
  const [first, ...rest] = (Array.isArray(given[0]) ? given[0] : given) as [Target, ...unknown[]]; // net.connect hands over a list
  const { host, hostname, port } = first ?? {};
  const name = host ?? hostname;
  const house = surroundings.hosts[`${name}:${port}`];
  if (house === undefined && name?.endsWith('.castle.example') !== true) return Reflect.apply(connect, this, given) as Socket;
  return Reflect.apply(connect, this, [{ ...first, host: '127.0.0.1', port: house ?? port }, ...rest]) as Socket;
};

/** The port that a sample names may be taken by somebody else. */
const { listen } = Server.prototype;
Server.prototype.listen = function (this: Server, ...given: unknown[]) {
  if (typeof given[0] !== 'number') return Reflect.apply(listen, this, given) as Server;
  return Reflect.apply(listen, this, [0, '127.0.0.1', ...given.filter((each) => typeof each === 'function')]) as Server;
};
