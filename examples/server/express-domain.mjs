/** Express: whoever the domain controller takes, asked through Samba's winbind. */
import { createServer } from 'node:http';
import express from 'express';
import { guardUpgrades, requireNtlm } from 'ntlmachine/http';
import { listen } from './listen.mjs';
import { NtlmAuthVerifier } from './ntlm-auth-verifier.mjs';

const gate = requireNtlm({ credentials: new NtlmAuthVerifier(), schemes: ['Negotiate', 'NTLM'] });

const app = express();
app.use(gate);
app.get('/', (request, response) => response.send(`hello ${request.ntlm.username}\n`));

await listen(guardUpgrades(createServer(app), gate));
