/** Tokens that are almost right, at each leg and under each scheme: an answer, a reason, and the server goes on. */
import fc from 'fast-check';
import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { requireNtlm, type NtlmServerVerdict } from '../../../src/http/index.ts';
import { NtlmClient } from '../../../src/index.ts';
import { alice, closeLater, header, listen, options, whoAmI } from './support.ts';
import { GET, handshake, openWire, withField } from './wire.ts';

type Change = { readonly at: number; readonly value: number } | { readonly cut: number } | { readonly add: readonly number[] };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), value: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ cut: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
  fc.record({ add: fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }) }),
);

function changed(token: Uint8Array, change: Change): Uint8Array {
  if ('cut' in change) return token.slice(0, Math.floor(change.cut * token.length));
  if ('add' in change) return Uint8Array.of(...token, ...change.add);
  const bytes = token.slice();
  const at = Math.floor(change.at * bytes.length);
  bytes[at] = bytes[at]! ^ change.value;
  return bytes;
}

it('every changed token has an answer of 200, 400 or 401, a reason where it is refused, and no crash behind it', async () => {
  const verdicts: NtlmServerVerdict[] = [];
  const gate = requireNtlm(
    {
      ...options,
      schemes: ['Negotiate', 'NTLM'],
      refusalLimit: { account: Infinity, address: Infinity },
      onVerdict: (verdict) => void verdicts.push(verdict),
    },
    whoAmI,
  );
  const port = await listen(createServer(gate));
  const crashes: unknown[] = [];
  const note = (error: unknown): void => void crashes.push(error);
  process.on('unhandledRejection', note);
  closeLater(() => process.off('unhandledRejection', note));
  const scheme = fc.constantFrom('NTLM', 'Negotiate');
  await fc.assert(
    fc.asyncProperty(scheme, fc.boolean(), fc.constantFrom(1, 3), change, async (name, spnego, leg, how) => {
      const wire = await openWire(port);
      const client = new NtlmClient({ credentials: alice(), spnego });
      const negotiate = client.negotiate();
      const send = (token: Uint8Array) => wire.ask(withField(GET, 'Authorization', header(token, name)));
      verdicts.length = 0;
      let answer = await send(leg === 1 ? changed(negotiate, how) : negotiate);
      const challenge = /(?:NTLM|Negotiate) (\S+)/.exec(answer.fields.get('www-authenticate') ?? '')?.[1];
      if (leg === 3 && challenge !== undefined) {
        const { token } = client.step(new Uint8Array(Buffer.from(challenge, 'base64')));
        answer = await send(changed(token!, how));
      }
      expect([200, 400, 401]).toContain(answer.status);
      const told = verdicts.map((verdict) => ('ok' in verdict ? verdict.ok || verdict.reason : verdict.code));
      if (answer.status === 200) expect(told).toEqual([true]);
      else if (answer.status === 400) expect(told).toEqual(['malformed']);
      else if (told.length > 0) expect(told).toEqual([expect.any(String)]);
      expect(answer.body).toBe({ 200: 'GET alice', 400: 'Bad Request\n', 401: 'Unauthorized\n' }[answer.status]);
      wire.socket.destroy();
    }),
    { numRuns: 400 },
  );
  expect(crashes).toEqual([]);
  expect((await handshake(await openWire(port), GET, { credentials: alice() })).body).toBe('GET alice');
});
