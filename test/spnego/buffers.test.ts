/** A caller may hand in a Buffer and go on writing into it: `slice()` of a Buffer is no copy, so the ends take their own. */
import { expect, test } from 'vitest';
import { Credentials, NtlmClient } from '../../src/index.ts';
import { SpnegoAcceptor } from '../../src/spnego/index.ts';
import { traceToken } from '../../src/visualize/trace/mask.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });

test('tokens in Buffers that are overwritten behind the call do not disturb a negotiation', async () => {
  const buffer = Buffer.alloc(4096);
  const lend = (token: Uint8Array): Buffer => {
    buffer.fill(0xff);
    buffer.set(token);
    return buffer.subarray(0, token.length);
  };
  const client = new NtlmClient({ credentials, spnego: true });
  const acceptor = new SpnegoAcceptor({ credentials });
  const first = await acceptor.accept(lend(client.negotiate()));
  if (first.state !== 'continue') throw new Error(first.state);
  const answer = client.respond(lend(first.token));
  const pending = acceptor.accept(lend(answer));
  buffer.fill(0);
  const last = await pending;
  expect(last.state).toBe('accepted');
  if (last.token !== undefined) client.finish(lend(last.token));
  expect(client.state).toBe('authenticated');
});

test('masking a token in a Buffer leaves the Buffer as it is', async () => {
  const client = new NtlmClient({ credentials });
  const { NtlmAcceptor } = await import('../../src/acceptor/index.ts');
  const token = Buffer.from(client.respond(new NtlmAcceptor({ credentials }).challenge(client.negotiate())));
  const before = token.toString('hex');
  traceToken(token, 'masked');
  expect(token.toString('hex')).toBe(before);
});
