/** Koa: everything behind the gate, but what stands before it. */
import { createServer } from 'node:http';
import Koa from 'koa';
import { json } from 'node:stream/consumers';
import { guardUpgrades, requireNtlm } from 'ntlmachine/http';
import { listen } from './listen.mjs';
import { findCredentials } from './users.mjs';

const gate = requireNtlm.koa({ credentials: findCredentials });

const app = new Koa();
app.use(async (context, next) => {
  if (context.path === '/') context.body = 'anybody may read this\n';
  else await next();
});
app.use(gate);
app.use(async (context) => {
  const { username } = context.state.ntlm;
  context.body =
    context.method === 'POST' ? { from: username, keys: Object.keys(await json(context.req)) } : `hello ${username}\n`;
});

await listen(guardUpgrades(createServer(app.callback()), gate));
