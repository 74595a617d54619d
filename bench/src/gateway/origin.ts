/** Process: a server that answers every request with its path, with as little work as that takes. */
import { createServer, type AddressInfo } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  let held = '';
  socket.on('error', () => socket.destroy()).on('data', (bytes) => {
    held += bytes.toString('latin1');
    for (let end = held.indexOf('\r\n\r\n'); end !== -1; end = held.indexOf('\r\n\r\n')) {
      const path = held.slice(held.indexOf(' ') + 1, held.indexOf(' HTTP/'));
      held = held.slice(end + 4);
      socket.write(`HTTP/1.1 200 OK\r\nDate: ${new Date().toUTCString()}\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
    }
  });
}).listen(0, '127.0.0.1', 4096, () => process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
process.on('disconnect', () => process.exit());
