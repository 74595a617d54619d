/** What the sides of a connection have to do with a request: the rule, over everything that can vary. */
import { describe, expect, test } from 'vitest';
import type { Layer } from '../../../src/http/authentication/layer.ts';
import { Paths } from '../../../src/http/authentication/paths.ts';
import { isInvolved, isPlain, isUnsure, isUseless, mayAskAgain, mayGo } from '../../../src/http/exchange/sides.ts';
import { ClientRequest } from '../../../src/http/wire/request.ts';

const request = (text: string): ClientRequest => new ClientRequest(text.replaceAll('\n', '\r\n'), false, {}, 10);
const GET = request('GET /a HTTP/1.1\nHost: h\n\n');
const REPEATABLE = request('POST /a HTTP/1.1\nHost: h\nContent-Length: 4\n\n');
const ONCE = request('POST /a HTTP/1.1\nHost: h\nContent-Length: 11\n\n');
const ALL = [GET, REPEATABLE, ONCE];

interface View {
  readonly layer?: Partial<Pick<Layer, 'allowed' | 'authenticated' | 'mayWantEach' | 'outdated' | 'spoilt' | 'served' | 'doubtful' | 'credentialsName'>>;
  readonly realm?: Partial<Pick<Layer['realm'], 'scheme' | 'singleRequestHandshakes'>>;
  readonly teach?: (paths: Paths) => void;
}

/** What the rule looks at of a layer. */
function side({ layer, realm, teach }: View = {}): Layer {
  const paths = new Paths();
  teach?.(paths);
  return {
    ...{ allowed: true, authenticated: false, mayWantEach: false, outdated: false, spoilt: false, served: 2, doubtful: false, credentialsName: 'authorization' },
    ...layer,
    realm: { scheme: 'NTLM', singleRequestHandshakes: 0, ...realm, paths },
  } as Layer;
}
const authenticated = (view: View = {}): Layer => side({ ...view, layer: { authenticated: true, ...view.layer } });
const goes = (layer: Layer): boolean[] => ALL.map((each) => mayGo(layer, each));

describe('an authenticated side', () => {
  test('lets everything go', () => {
    expect(goes(authenticated())).toEqual([true, true, true]);
  });

  test('but for what only another user may send', () => {
    expect(goes(authenticated({ layer: { outdated: true } }))).toEqual([false, false, false]);
  });

  test('lets no body go that is gone then, where each request may be asked', () => {
    expect(goes(authenticated({ layer: { mayWantEach: true } }))).toEqual([true, true, false]);
  });

  test('lets one request go where more than one handshake was good for one alone', () => {
    for (const [served, singles, may] of [[0, 2, true], [1, 2, false], [2, 2, true], [1, 1, true], [1, 0, true]] as const) {
      expect(goes(authenticated({ layer: { served }, realm: { singleRequestHandshakes: singles } })), `${served} of ${singles}`).toEqual([may, may, may]);
    }
  });
});

describe('a side that is not authenticated', () => {
  test('lets go what has no body while nobody has asked yet', () => {
    expect(goes(side({ realm: { scheme: undefined } }))).toEqual([true, false, false]);
    expect(goes(side())).toEqual([false, false, false]);
  });

  test('lets go what was answered before, and the likes of nothing else', () => {
    expect(goes(side({ teach: (paths) => paths.noteAnswered(GET) }))).toEqual([true, false, false]);
    expect(goes(side({ teach: (paths) => paths.noteAnswered(ONCE) }))).toEqual([false, true, true]);
  });

  test('lets bodies go that can be sent again where something was answered and nothing asked for', () => {
    expect(goes(side({ realm: { scheme: undefined }, teach: (paths) => paths.noteAnswered(GET) }))).toEqual([true, true, false]);
  });
});

describe('a side', () => {
  test('has no say where it may not ask, or the request brings its own', () => {
    const own = request('GET /a HTTP/1.1\nHost: h\nAuthorization: Basic x\n\n');
    expect([isInvolved(side(), GET), isInvolved(side({ layer: { allowed: false } }), GET), isInvolved(side(), own)]).toEqual([true, false, false]);
    expect(isInvolved(side({ layer: { credentialsName: 'proxy-authorization' } }), own)).toBe(true);
  });

  test('may ask again once it is authenticated and has done so, or has not been looked at', () => {
    const teach = (paths: Paths): void => void (paths.asksAgain = true);
    expect([authenticated(), authenticated({ teach }), authenticated({ layer: { doubtful: true } }), side({ teach }), side({ layer: { doubtful: true } })].map(mayAskAgain)).toEqual([false, true, true, false, false]);
  });

  test('is of no use once a handshake failed there, or it is somebody else\'s', () => {
    expect([side(), side({ layer: { spoilt: true } }), side({ layer: { outdated: true } })].map(isUseless)).toEqual([false, true, true]);
  });
});

describe('a request needs no legs', () => {
  const asksAgain = (paths: Paths): void => void (paths.asksAgain = true);
  const never = (paths: Paths): void => (asksAgain(paths), paths.noteWaitedInVain(true));

  test('where each side lets it go, whoever else there is', () => {
    expect(isPlain([], GET)).toBe(true);
    expect(isPlain([authenticated(), authenticated()], ONCE)).toBe(true);
    expect(isPlain([authenticated(), side()], GET)).toBe(false);
    expect(isPlain([side(), authenticated()], GET)).toBe(false);
    expect(isPlain([authenticated(), side({ layer: { allowed: false } })], ONCE)).toBe(true);
    expect(isPlain([side({ layer: { allowed: false } }), side()], GET)).toBe(false);
  });

  test('but for a body that is gone then, where one may ask again and waiting is of use', () => {
    expect(ALL.map((each) => isPlain([authenticated({ teach: asksAgain })], each))).toEqual([true, true, false]);
    expect(ALL.map((each) => isPlain([authenticated({ teach: never })], each))).toEqual([true, true, true]);
    expect(isPlain([side({ layer: { allowed: false, authenticated: true }, teach: asksAgain }), authenticated()], ONCE)).toBe(true);
  });

  test('but for a body that is gone then, where type 3 was answered before any look at it, whether waiting is of use or not', () => {
    for (const teach of [() => {}, never]) {
      const unsure = authenticated({ layer: { doubtful: true }, teach });
      expect(ALL.map((each) => isUnsure(unsure, each))).toEqual([false, false, true]);
      expect(ALL.map((each) => isPlain([unsure], each))).toEqual([true, true, false]);
    }
    expect(isUnsure(side({ layer: { doubtful: true } }), ONCE)).toBe(false);
    expect(isUnsure(authenticated(), ONCE)).toBe(false);
  });
});
