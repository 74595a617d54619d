/**
 * For `node --import`: names of castle.example lead to the servers of the test, as a hosts file and a router would have it.
 * What samples leave to their readers is there by its name.
 */
import { Socket } from 'node:net';

/** A wire, for samples that have bytes and leave it to their reader how they travel: at its other end is who knows alice. */
let acceptor;
let last = Promise.resolve();
let accepted = false;
const tokens = [];
Object.assign(globalThis, {
  send: (token) => (last = last.then(() => take(token))),
  receive: () => last.then(() => tokens.shift()),
  wasAccepted: () => last.then(() => accepted),
});

async function take(token) {
  acceptor ??= await newAcceptor();
  const step = await acceptor.accept(token);
  accepted = step.state === 'accepted';
  if (step.token !== undefined) tokens.push(step.token);
  if (step.state !== 'continue') acceptor = undefined;
}

async function newAcceptor() {
  const [{ Credentials }, { SpnegoAcceptor }] = await Promise.all([import('ntlmachine'), import('ntlmachine/spnego')]);
  return new SpnegoAcceptor({ credentials: Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: readers.password }) });
}

/** `keep.castle.example:443` is a port of 127.0.0.1. */
const { hosts, readers } = JSON.parse(process.env.CASTLE);
Object.assign(globalThis, readers);

const { connect } = Socket.prototype;
Socket.prototype.connect = function (...given) {
  const [first, ...rest] = Array.isArray(given[0]) ? given[0] : given; // net.connect hands over a list
  const port = hosts[`${first?.host ?? first?.hostname}:${first?.port}`];
  return port === undefined ? connect.apply(this, given) : connect.call(this, { ...first, host: '127.0.0.1', port }, ...rest);
};
