import { describe, expect, test } from 'vitest';
import { Credentials } from '../../src/index.ts';
import { AvId, NegotiateFlags as F, avText, encodeAuthenticate, encodeChallenge } from '../../src/messages/index.ts';
import { MechType, encodeNegTokenInit } from '../../src/spnego/index.ts';
import { colourPalette, decodeToken, renderToken, verifyTokens, type DecodedToken } from '../../src/visualize/index.ts';
import { hex } from '../support/bytes.ts';
import { challengeToken } from '../support/handshake.ts';
import { ntlmV2 } from '../vectors/ms-nlmp.ts';

const field = ({ fields }: DecodedToken, name: string) => fields.find((candidate) => candidate.name === name);

describe('the printed messages of MS-NLMP 4.2.4', () => {
  const challenge = decodeToken(hex(ntlmV2.challengeMessage));
  const authenticate = decodeToken(hex(ntlmV2.authenticateMessage));

  test('names, places and meanings of the challenge', () => {
    expect(challenge).toMatchObject({ message: 'CHALLENGE', spnego: false, problems: [] });
    expect(field(challenge, 'ServerChallenge')).toMatchObject({ offset: 24, length: 8, hex: '0123456789abcdef', section: 'MS-NLMP 2.2.1.2' });
    expect(field(challenge, 'TargetName')).toMatchObject({ value: '"Server"' });
    expect(field(challenge, 'NegotiateFlags')?.detail).toContain('NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY');
    expect(field(challenge, 'TargetInfo.MsvAvNbDomainName.Value')).toMatchObject({ value: '"Domain"', section: 'MS-NLMP 2.2.2.1' });
  });

  test('the parts of the NTLMv2 response', () => {
    expect(field(authenticate, 'UserName')?.value).toBe('"User"');
    expect(field(authenticate, 'NTLMv2Response.NTProofStr')?.hex).toBe('68cd0ab851e51c96aabc927bebef6a1c');
    expect(field(authenticate, 'NTLMv2Response.TimeStamp')?.value).toBe('1601-01-01T00:00:00.000Z');
    expect(field(authenticate, 'NTLMv2Response.ChallengeFromClient')?.hex).toBe('aaaaaaaaaaaaaaaa');
    expect(field(authenticate, 'LmChallengeResponse')?.value).toBe('LMv2 response');
  });

  test('the bytes behind the pairs of the response are named as unread', () => {
    expect(field(authenticate, 'unread')).toMatchObject({ length: 4, hex: '00000000' });
  });
});

describe('meanings', () => {
  test('a FILETIME is a date', () => {
    expect(field(decodeToken(challengeToken()), 'TargetInfo.MsvAvTimestamp.Value')?.value).toBe('2017-05-23T20:13:07.000Z');
  });

  test('OEM text is not read as UTF-16', () => {
    const token = encodeChallenge({ negotiateFlags: F.NEGOTIATE_OEM, targetName: 'SERVER', serverChallenge: new Uint8Array(8), targetInfo: undefined });
    expect(field(decodeToken(token), 'TargetName')?.value).toBe('"SERVER"');
  });

  test('a name of a hostile server cannot steer the terminal', () => {
    const targetInfo = [avText(AvId.MsvAvDnsComputerName, '\u001b[2J\u202eevil\u0007')];
    const text = renderToken(decodeToken(challengeToken({ targetInfo })), 'test');
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(text).toContain('\\u001b[2J\\u202eevil\\u0007');
  });

  test('colours come with the colour palette only', () => {
    expect(renderToken(decodeToken(challengeToken()), 'test')).not.toContain('\u001b');
    expect(renderToken(decodeToken(challengeToken()), 'test', colourPalette)).toContain('\u001b[');
  });
});

describe('strange messages', () => {
  test('a message cut in its middle shows what stands before the cut, and where it stops', () => {
    const decoded = decodeToken(challengeToken().subarray(0, 50));
    expect(field(decoded, 'ServerChallenge')?.length).toBe(8);
    expect(decoded.problems).toEqual([expect.objectContaining({ code: 'field-out-of-bounds', offset: 12 })]);
  });

  test('two fields on the same bytes: the first owns them, the second is told of', () => {
    const token = encodeAuthenticate({
      negotiateFlags: F.NEGOTIATE_UNICODE,
      lmChallengeResponse: new Uint8Array(24),
      ntChallengeResponse: new Uint8Array(24),
      domainName: 'TWIN',
      userName: 'TWIN',
      workstation: '',
      encryptedRandomSessionKey: new Uint8Array(0),
    });
    token.set(token.slice(28, 36), 36); // UserNameFields are now DomainNameFields
    const decoded = decodeToken(token);
    expect(field(decoded, 'DomainName')?.detail).toEqual(['also read as UserName (8 bytes at 64)']);
    expect(field(decoded, 'unread')).toMatchObject({ offset: 72, length: 8 });
  });

  test('SPNEGO around a message keeps the message at its place', () => {
    const token = encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP], mechToken: challengeToken() });
    const decoded = decodeToken(token);
    expect(decoded).toMatchObject({ message: 'CHALLENGE', spnego: true, problems: [] });
    expect(field(decoded, 'NegTokenInit.mechTypes.1')?.value).toBe('1.3.6.1.4.1.311.2.2.10, NTLMSSP');
    expect(field(decoded, 'Signature')?.offset).toBe(decoded.ntlm?.offset);
  });
});

describe('verification', () => {
  const messages = { challenge: hex(ntlmV2.challengeMessage), authenticate: hex(ntlmV2.authenticateMessage) };
  const outcomes = (credentials: Credentials) => Object.fromEntries(verifyTokens({ ...messages, credentials }).map(({ part, outcome }) => [part, outcome]));
  const reason = (credentials: Credentials) => verifyTokens({ ...messages, credentials })[0]?.reason;
  const user = (changes: object = {}) => Credentials.fromPassword({ username: 'User', domain: 'Domain', password: 'Password', ...changes });

  test('the password of 4.2.1 made the responses of 4.2.4', () => {
    expect(outcomes(user())).toEqual({ 'NT response': 'right', 'LM response': 'right', MIC: 'absent' });
  });

  test('another password did not', () => {
    expect(outcomes(user({ password: 'password' }))).toEqual({ 'NT response': 'wrong', 'LM response': 'wrong', MIC: 'absent' });
    expect(reason(user({ password: 'password' }))).toContain('another password');
  });

  test('another user is told apart from another password', () => {
    expect(reason(user({ username: 'Other' }))).toBe('the message names the user "User", the credentials "Other"');
  });
});
