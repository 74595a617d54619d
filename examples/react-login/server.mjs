// Serves the built page, and one WebSocket endpoint behind NTLM, on loopback.
//
// NTLM authenticates a connection. Here that is the WebSocket: one socket, one acceptor, one handshake. Binary frames
// carry the three messages as they are; one text frame tells the verdict; from there on the socket would carry the
// app's own messages, as that user.
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Credentials } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';
import { WebSocketServer } from 'ws';

const {
  PORT = '4173',
  NTLM_USER = 'alice',
  NTLM_DOMAIN = 'CASTLE',
  NTLM_PASSWORD,
  LATENCY = '450', // milliseconds before each answer, so that the states can be watched
  SESSION_LIFETIME = '600000', // milliseconds
} = process.env;
const DEMO_PASSWORD = 'drawbridge-41';
const HANDSHAKE_LIFETIME = 10_000; // milliseconds
const LARGEST_MESSAGE = 16_384; // bytes

const account = Credentials.fromPassword({
  username: NTLM_USER,
  domain: NTLM_DOMAIN,
  password: NTLM_PASSWORD ?? DEMO_PASSWORD,
});

/** @type {import('ntlmachine/acceptor').AcceptorOptions} */
const acceptorOptions = {
  credentials: ({ username, domain }) => (same(username, NTLM_USER) && same(domain, NTLM_DOMAIN) ? account : undefined),
  requireMic: true,
  target: {
    nbDomainName: NTLM_DOMAIN,
    nbComputerName: 'KEEP',
    dnsDomainName: 'castle.example',
    dnsComputerName: 'keep.castle.example',
  },
};

const sockets = new WebSocketServer({ noServer: true, maxPayload: LARGEST_MESSAGE });

sockets.on('connection', (socket) => {
  const acceptor = new NtlmAcceptor(acceptorOptions);
  let lifetime = setTimeout(() => socket.close(1008, 'too slow'), HANDSHAKE_LIFETIME);

  /** @param {Uint8Array} token */
  async function answer(token) {
    await delay(Number(LATENCY));
    if (acceptor.state === 'listening') return socket.send(acceptor.challenge(token));
    const verdict = await acceptor.authenticate(token);
    socket.send(JSON.stringify({ accepted: verdict.ok })); // why not is nobody's business
    if (!verdict.ok) return socket.close(1008, 'refused');
    clearTimeout(lifetime);
    lifetime = setTimeout(() => socket.close(1000, 'session over'), Number(SESSION_LIFETIME));
  }

  let turn = Promise.resolve();
  socket.on('message', (data, isBinary) => {
    turn = turn
      .then(() => {
        if (!isBinary || !Buffer.isBuffer(data)) throw new TypeError('not an NTLM message');
        return answer(data);
      })
      .catch(() => socket.close(1002, 'not an NTLM handshake'));
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    clearTimeout(lifetime);
    acceptor.reset();
  });
});

const dist = new URL('dist/', import.meta.url);
/** @type {Record<string, string>} */
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const pages = new Map(
  readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const folder = entry.parentPath.includes('assets') ? 'assets/' : '';
      return [`/${folder}${entry.name}`, readFileSync(new URL(`${folder}${entry.name}`, dist))];
    }),
);

const server = createServer((request, response) => {
  const path = request.url === '/' ? '/index.html' : (request.url ?? '');
  const page = isOurs(request.headers.host) ? pages.get(path) : undefined;
  if (page === undefined) return void response.writeHead(404).end();
  response
    .writeHead(200, {
      'Content-Type': types[extname(path)] ?? 'application/octet-stream',
      'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
    })
    .end(page);
});

server.on('upgrade', (request, socket, head) => {
  const { host, origin } = request.headers;
  // Any page in the browser can open a socket to here: only our own may.
  if (request.url !== '/ntlm' || !isOurs(host) || origin !== `http://${host}`) {
    return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
  }
  sockets.handleUpgrade(request, socket, head, (upgraded) => sockets.emit('connection', upgraded, request));
});

server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`The Keep: http://127.0.0.1:${port()}/`);
  const password = NTLM_PASSWORD === undefined ? DEMO_PASSWORD : 'from NTLM_PASSWORD';
  console.log(`Sign in as ${NTLM_USER}, domain ${NTLM_DOMAIN}, password ${password}`);
});

function port() {
  const address = server.address();
  return typeof address === 'object' ? address?.port : undefined;
}

/** @param {string | undefined} host */
function isOurs(host) {
  return host === `127.0.0.1:${port()}` || host === `localhost:${port()}`;
}

/** @param {string} a @param {string} b */
function same(a, b) {
  return a.toUpperCase() === b.toUpperCase();
}
