/** `ws`: a WebSocket for whoever has authenticated the connection. */
import { createNtlmServer, identityOf } from 'ntlmachine/http';
import { WebSocketServer } from 'ws';
import { listen } from './listen.mjs';
import { findCredentials } from './users.mjs';

const server = createNtlmServer({ credentials: findCredentials }, (request, response) => {
  response.end(`hello ${request.ntlm.username}\n`);
});

const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket, request) => {
  const { username } = identityOf(request);
  socket.send(`hello ${username}`);
  socket.on('message', (message) => socket.send(`${username}: ${message}`));
});

await listen(server);
