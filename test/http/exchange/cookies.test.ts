/** Cookies of the 401s that nobody sees (RFC 6265). */
import { beforeAll, describe, expect, test } from 'vitest';
import { LegCookies, type CookiePlace } from '../../../src/http/exchange/cookies.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { HostilePeer } from '../support/hostile.ts';
import { honest } from '../support/meet.ts';
import { ALICE } from '../support/origin.ts';

const PLACE: CookiePlace = { secure: false, host: 'www.corp.example', path: '/a/b' };
const after = (fields: readonly string[], own: readonly string[] = [], place: Partial<CookiePlace> = {}): string | undefined => {
  const cookies = new LegCookies();
  cookies.take(fields, { ...PLACE, ...place });
  return cookies.mergedWith(own);
};

describe('which cookie goes along', () => {
  test.each([
    ['sid=1', 'sid=1'],
    ['  sid = 1 ; Path=/', 'sid=1'],
    ['sid=', 'sid='],
    ['sid="a b"', 'sid="a b"'],
    ['sid=a=b', 'sid=a=b'],
    ['sid=1; Path=/a', 'sid=1'],
    ['sid=1; Path=/a/', 'sid=1'],
    ['sid=1; Path=/a/b', 'sid=1'],
    ['sid=1; path=/A', undefined],
    ['sid=1; Path=/a/b/c', undefined],
    ['sid=1; Path=/a/bc', undefined],
    ['sid=1; Path=/a/b; Path=/x', undefined],
    ['sid=1; Path=/x/', undefined],
    ['sid=1; Path=a', 'sid=1'],
    ['path=/x', 'path=/x'],
    ['secure=1', 'secure=1'],
    ['sid=1; Domain=corp.example', 'sid=1'],
    ['sid=1; Domain=.CORP.example', 'sid=1'],
    ['sid=1; Domain=www.corp.example', 'sid=1'],
    ['sid=1; Domain=', 'sid=1'],
    ['sid=1; Domain=w.corp.example', undefined],
    ['sid=1; Domain=orp.example', undefined],
    ['sid=1; Domain=a.www.corp.example', undefined],
    ['sid=1; Secure', undefined],
    ['sid=1; Max-Age=60; HttpOnly; SameSite=Lax', 'sid=1'],
    ['sid=1; Max-Age=0', ''],
    ['sid=1; Max-Age=-1; Expires=Tue, 01 Jan 2999 00:00:00 GMT', ''],
    ['sid=1; Max-Age=60; Expires=Tue, 01 Jan 1980 00:00:00 GMT', 'sid=1'],
    ['sid=1; Expires=Tue, 01 Jan 1980 00:00:00 GMT', ''],
    ['sid=1; Expires=whenever', 'sid=1'],
    ['sid=1; Max-Age=soon; Expires=Tue, 01 Jan 1980 00:00:00 GMT', ''],
    ['sid=1; Max-Age=60s; Expires=Tue, 01 Jan 1980 00:00:00 GMT', ''],
    ['sid=1; Max-Age=~60; Expires=Tue, 01 Jan 1980 00:00:00 GMT', ''],
    ['sid', undefined],
    ['=1', undefined],
    ['', undefined],
    ['s\x01d=1', undefined],
    ['sid=1\x00; Path=/', undefined],
  ])('%j: %j', (field, cookie) => {
    expect(after([field])).toBe(cookie);
  });

  test('a path ends where a part of it ends', () => {
    expect(after(['sid=1; Path=/a/b'], [], { path: '/a/bc' })).toBeUndefined();
  });

  test('Secure wants TLS; an address has no domains', () => {
    expect(after(['sid=1; Secure'], [], { secure: true })).toBe('sid=1');
    expect(after(['sid=1; Domain=0.0.1'], [], { host: '127.0.0.1' })).toBeUndefined();
    expect(after(['sid=1; Domain=127.0.0.1'], [], { host: '127.0.0.1' })).toBe('sid=1');
  });

  test("pairs of the same name give way, the client's others stay", () => {
    expect(after(['sid=2', 'new=3'], ['a=1; sid=1; b=2', 'sid=0'])).toBe('a=1; b=2; sid=2; new=3');
    expect(after(['sid=2; Max-Age=0'], ['a=1; sid=1'])).toBe('a=1');
    expect(after(['sid=2'], ['a=1;; sid =1 ;', ''])).toBe('a=1; sid=2');
    expect(after(['sid=2', 'sid=3'], [])).toBe('sid=3');
    expect(after(['SID=2'], ['sid=1'])).toBe('sid=1; SID=2');
    expect(after(['sid=2; Path=/x'], ['sid=1'])).toBeUndefined();
  });
});

describe.each(everyCarrier)('%s', (_name, carrier) => {
  let tls: Awaited<ReturnType<typeof makeCertificate>>;
  beforeAll(async () => {
    tls = await makeCertificate();
  });
  const cookieOf = (head: string): string | undefined => /^cookie: (.*)$/im.exec(head)?.[1];
  const withFields = (answer: string, fields: string): string => answer.replace('\r\n', `\r\n${fields}`);

  test.each([['GET', undefined], ['POST', 'body']] as const)('a %s: those of a 401 go with its next legs, out with its answer, and no further', async (method, body) => {
    for (const secure of [false, true]) {
      const seen: unknown[] = [];
      let legs = 0;
      await using peer = await HostilePeer.listen(
        (leg) => {
          legs += 1;
          seen.push(cookieOf(leg.head));
          const own = leg.message === 3 ? 'Set-Cookie: last=1\r\n' : `Set-Cookie: leg${legs}=1; Path=/app; Secure\r\nSet-Cookie: step=${legs}; Domain=127.0.0.1\r\n`;
          leg.socket.write(withFields(honest(leg), own));
        },
        secure ? { tls } : {},
      );
      await using client = carrier.open({ credentials: ALICE, ca: tls.ca, connections: 1 });
      const { status, headers } = await client.request(`${peer.url}/app/x?q=/`, { method, ...(body && { body }), headers: { cookie: 'step=0; own=7' } });
      expect(status).toBe(200);
      expect(seen[0]).toBe('step=0; own=7');
      expect(seen.slice(1)).toEqual(secure ? ['own=7; leg1=1; step=1', 'own=7; leg1=1; step=2; leg2=1'] : ['own=7; step=1', 'own=7; step=2']);
      const set = [headers['set-cookie']].flat();
      // Of fetch, what came last is what is left of them in an object.
      if (carrier.name === 'createNtlmFetch') expect(set).toEqual(['last=1']);
      else expect(set.join(', ')).toBe('leg1=1; Path=/app; Secure, step=1; Domain=127.0.0.1, leg2=1; Path=/app; Secure, step=2; Domain=127.0.0.1, last=1');
      seen.length = 0;
      await client.request(`${peer.url}/app/x`, { headers: { cookie: 'own=8' } });
      expect(seen[0]).toBe('own=8');
    }
  });

  test('those of a 407 go nowhere', async () => {
    const seen: unknown[] = [];
    await using proxy = await HostilePeer.listen((leg) => {
      seen.push(cookieOf(leg.head));
      const { head } = leg;
      const token = /^proxy-authorization: NTLM (.*)$/im.exec(head)?.[1];
      const asks = token === undefined || Buffer.from(token, 'base64')[8] === 1;
      const challenge = /NTLM [A-Za-z0-9+/=]+/.exec(honest({ ...leg, message: 1 }))?.[0] ?? '';
      if (!asks) return void leg.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin');
      leg.socket.write(
        `HTTP/1.1 407 Who\r\nSet-Cookie: proxy=1\r\nProxy-Authenticate: ${token === undefined ? 'NTLM' : challenge}\r\nContent-Length: 0\r\n\r\n`,
      );
    });
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url });
    const { status, headers } = await client.request('http://intranet.example/');
    expect([status, headers['set-cookie']]).toEqual([200, undefined]);
    expect(seen).toEqual([undefined, undefined, undefined]);
  });
});
