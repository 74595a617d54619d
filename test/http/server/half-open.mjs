/** So many connections, each with a type 1 and nothing behind it; says how many were challenged, and stays. */
import { connect } from 'node:net';

const [port, count, authorization] = process.argv.slice(2);
const head = `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`;
const sockets = [];
let challenged = 0;

function open() {
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(head));
    sockets.push(socket);
    socket.on('error', resolve);
    socket.once('data', (chunk) => {
      if (chunk.includes('WWW-Authenticate: NTLM TlRMTVNTUAACAAAA')) challenged += 1;
      resolve();
    });
  });
}

const lanes = Array.from({ length: 50 }, async () => {
  while (sockets.length < Number(count)) await open();
});
await Promise.all(lanes);
process.send(challenged);
