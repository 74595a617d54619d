/** What ntlmachine/http does in the runtime that runs this: one line of JSON. */
import http from 'node:http';
import https from 'node:https';
import process from 'node:process';
import { tryParts } from './bytes.mjs';

const { HTTP, HTTPS, CA: ca } = process.env;
const told = await tryParts();

const ask = (module, url, agent) =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('nothing within 10 s')), 10_000);
    const sent = module.get(url, { agent }, (response) => {
      response.resume().on('end', () => (clearTimeout(late), resolve(response.statusCode === 200 ? 'yes' : String(response.statusCode))));
    });
    sent.on('error', reject);
  });

try {
  const { Credentials } = await import('ntlmachine');
  const { NtlmAgent } = await import('ntlmachine/http');
  const agent = new NtlmAgent({ credentials: Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' }), ca });
  told['NtlmAgent'] = await ask(http, HTTP, agent).catch(({ code, message }) => `${code ?? ''} ${message}`);
  told['NtlmAgent, TLS'] = await ask(https, HTTPS, agent).catch(({ code, message }) => `${code ?? ''} ${message}`);
} catch ({ code, message }) {
  told['NtlmAgent'] = `${code ?? ''} ${message}`;
}
console.log(JSON.stringify(told));
process.exit(0);
