/**
 * For `node --import`: names of castle.example lead to the servers of the test, as a hosts file and a router would have it.
 * What samples leave to their readers is there by its name.
 */
import { Socket } from 'node:net';

/** `keep.castle.example:443` is a port of 127.0.0.1. */
const { hosts, readers } = JSON.parse(process.env.CASTLE);
Object.assign(globalThis, readers);

const { connect } = Socket.prototype;
Socket.prototype.connect = function (...given) {
  const [first, ...rest] = Array.isArray(given[0]) ? given[0] : given; // net.connect hands over a list
  const port = hosts[`${first?.host ?? first?.hostname}:${first?.port}`];
  return port === undefined ? connect.apply(this, given) : connect.call(this, { ...first, host: '127.0.0.1', port }, ...rest);
};
