/** Express: a part of an app behind NTLM. */
import { createServer } from 'node:http';
import express from 'express';
import { guardUpgrades, requireNtlm } from 'ntlmachine/http';
import { listen } from './listen.mjs';
import { findCredentials } from './users.mjs';

// One gate, wherever it is needed: each has its own handshakes.
const gate = requireNtlm({ credentials: findCredentials, schemes: ['Negotiate', 'NTLM'] });

const app = express();
app.get('/', (request, response) => response.send('anybody may read this\n'));
app.use('/private', gate, express.json()); // ahead of what reads bodies
app.get('/private', (request, response) => response.send(`hello ${request.ntlm.username}\n`));
app.post('/private', (request, response) => response.json({ from: request.ntlm.username, keys: Object.keys(request.body) }));

await listen(guardUpgrades(createServer(app), gate));
