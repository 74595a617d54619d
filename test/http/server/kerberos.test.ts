/** Kerberos at a server, with a double of what takes tickets: limits and status codes. Real tickets are in test/interop/kerberos-server.test.ts. */
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createNtlmServer, requireNtlm, type NtlmServerOptions, type NtlmServerVerdict } from '../../../src/http/index.ts';
import type { KerberosAcceptor } from '../../../src/spnego/index.ts';
import { MechType, encodeNegTokenInit } from '../../../src/spnego/index.ts';
import { NtlmError } from '../../../src/index.ts';
import { thrown } from '../../support/thrown.ts';
import { kerberosToken } from '../../vectors/kerberos.ts';
import { credentials } from '../../spnego/support.ts';

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

const ALICE = { complete: true, principal: 'alice@CASTLE.EXAMPLE', token: kerberosToken('AP-REP') };
const takes = (step: () => unknown): KerberosAcceptor => ({ binds: false, begin: () => ({ step: step as never }) });

async function serve(kerberos: KerberosAcceptor, options: Partial<NtlmServerOptions> = {}) {
  const verdicts: NtlmServerVerdict[] = [];
  const server = createNtlmServer({ credentials, kerberos, onVerdict: (verdict) => verdicts.push(verdict), ...options });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => (server.closeAllConnections(), server.close()));
  const { port } = server.address() as AddressInfo;
  const ask = (token?: Uint8Array): Promise<{ status: number; offers: string[] }> =>
    new Promise((resolve, reject) => {
      const headers = token === undefined ? {} : { authorization: `Negotiate ${Buffer.from(token).toString('base64')}` };
      get({ port, headers, agent: false }, (response) => {
        const offers = response.rawHeaders.filter((_, at, all) => at % 2 === 1 && all[at - 1] === 'WWW-Authenticate');
        response.resume().on('end', () => resolve({ status: response.statusCode!, offers }));
      }).on('error', reject);
    });
  return { ask, verdicts };
}

const TICKET = encodeNegTokenInit({ mechTypes: [MechType.KERBEROS, MechType.NTLMSSP], mechToken: kerberosToken('AP-REQ') });

describe('Kerberos at a server', () => {
  test('Negotiate is offered first, and NTLM', async () => {
    const { ask } = await serve(takes(() => ALICE));
    expect(await ask()).toEqual({ status: 401, offers: ['Negotiate', 'NTLM'] });
    expect((await ask(TICKET)).status).toBe(200);
  });

  test('a ticket without SPNEGO is taken as it is', async () => {
    const { ask, verdicts } = await serve(takes(() => ALICE));
    expect((await ask(kerberosToken('AP-REQ'))).status).toBe(200);
    expect(verdicts).toMatchObject([{ ok: true, mechanism: 'Kerberos', principal: 'alice@CASTLE.EXAMPLE' }]);
  });

  test('a ticket that is refused: reject with the 401, and NTLM beside it', async () => {
    const { ask, verdicts } = await serve(takes(() => Promise.reject(new NtlmError('no', { code: 'ticket-refused', phase: 'kerberos', side: 'peer' }))));
    expect(await ask(TICKET)).toEqual({ status: 401, offers: ['Negotiate oQcwBaADCgEC', 'NTLM'] });
    expect(verdicts).toMatchObject([{ ok: false, mechanism: 'Kerberos', reason: 'ticket-refused' }]);
  });

  test('what takes tickets hangs: 503 in time, and it is told that nobody waits', async () => {
    let aborted = 0;
    const kerberos: KerberosAcceptor = { binds: false, begin: (_, signal) => new Promise(() => signal.addEventListener('abort', () => aborted++)) };
    const { ask, verdicts } = await serve(kerberos, { verifyTimeout: 50 });
    expect((await ask(TICKET)).status).toBe(503);
    expect(aborted).toBe(1);
    expect(verdicts).toMatchObject([{ code: 'timed-out' }]);
  });

  test('what takes tickets fails: 500', async () => {
    const { ask, verdicts } = await serve(takes(() => Promise.reject(new TypeError('broken'))));
    expect((await ask(TICKET)).status).toBe(500);
    expect(verdicts).toMatchObject([{ code: 'service-failed' }]);
  });

  test.each([
    ['a frame of nothing', Uint8Array.of(0x60, 0x00)],
    ['a frame that is cut', TICKET.subarray(0, 40)],
    ['noise under its name', encodeNegTokenInit({ mechTypes: [MechType.KERBEROS], mechToken: new Uint8Array(64).fill(0x41) })],
  ])('%s: 400, and nobody is asked', async (_, token) => {
    let asked = 0;
    const { ask } = await serve(takes(() => (asked++, ALICE)));
    expect((await ask(token)).status).toBe(400);
    expect(asked).toBe(0);
  });

  test('its options', () => {
    const kerberos = takes(() => ALICE);
    expect(thrown(() => requireNtlm({ credentials, kerberos, schemes: ['NTLM'] }))).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('"schemes"') });
    expect(thrown(() => requireNtlm({ credentials, kerberos: {} as never }))).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('"kerberos"') });
    expect(thrown(() => requireNtlm({ credentials, kerberos, channelBindings: 'required' }))).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('unbound: true') });
  });
});
