/** Fastify: the routes of one plugin behind NTLM. */
import fastify from 'fastify';
import { guardUpgrades, identityOf, requireNtlm } from 'ntlmachine/http';
import { listen } from './listen.mjs';
import { findCredentials } from './users.mjs';

const gate = requireNtlm.fastify({ credentials: findCredentials });

const app = fastify();
app.get('/', () => 'anybody may read this\n');
await app.register(async (guarded) => {
  guarded.addHook('onRequest', gate);
  guarded.get('/private', (request) => `hello ${identityOf(request.raw).username}\n`);
  guarded.post('/private', (request) => ({ from: identityOf(request.raw).username, keys: Object.keys(request.body) }));
});

await app.ready();
await listen(guardUpgrades(app.server, gate));
