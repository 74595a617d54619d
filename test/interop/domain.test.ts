/** LDAP, SMB and DCE/RPC with Samba as a domain's controller, by the examples that show them. */
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Credentials } from 'ntlmachine';
import { openLdap, type LdapOptions } from '../../examples/carriers/ldap.ts';
import { countEndpoints } from '../../examples/carriers/rpc.ts';
import { connectTree } from '../../examples/carriers/smb.ts';
import { startSambaAd, type SambaAd } from './support/samba-ad.ts';
import { alice } from './support/users.ts';

const credentials = Credentials.fromPassword(alice);
const wrong = Credentials.fromPassword({ ...alice, password: 'wrong' });

let ad: SambaAd;
beforeAll(async () => {
  ad = await startSambaAd();
}, 180_000);
afterAll(() => ad?.close());

/** Everything that goes over a connection to the LDAP server, in clear or not. */
async function listening(port = 389): Promise<{ readonly port: number; readonly wire: { text: string; longest: number }; close(): void }> {
  const wire = { text: '', longest: 0 };
  const relay = createServer((near: Socket) => {
    const far = connectTcp(port, ad.host);
    const note = (chunk: Buffer): void => void (wire.text += chunk.toString('latin1'));
    near.on('data', note).pipe(far).on('data', note).pipe(near);
    far.on('error', () => near.destroy());
    near.on('error', () => far.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return { port: (relay.address() as AddressInfo).port, wire, close: () => relay.close() };
}

async function findAlice(options: Partial<LdapOptions>): Promise<string[]> {
  const client = await openLdap({ host: ad.host, port: 389, credentials, ...options });
  const { searchEntries } = await client.search(ad.baseDn, { filter: '(sAMAccountName=alice)', attributes: ['cn'] });
  await client.unbind();
  return searchEntries.map(({ dn }) => dn);
}

describe('LDAP', () => {
  const found = ['CN=alice,CN=Users,DC=testdom,DC=example'];

  it.each(['seal', 'sign', 'offer'] as const)('with sessionSecurity %s, which Samba seals whatever it is', async (sessionSecurity) => {
    const { port, wire, close } = await listening();
    expect(await findAlice({ port, sessionSecurity })).toEqual(found);
    close();
    expect(wire.text).toContain('GSS-SPNEGO');
    expect(wire.text).not.toContain('sAMAccountName');
    expect(wire.text).not.toContain('CN=alice');
  });

  it('without signing is refused on 389: strongAuthRequired', async () => {
    await expect(findAlice({ sessionSecurity: 'none' })).rejects.toThrow('refused the bind (8)');
  });

  it('over TLS without signing, and nothing else', async () => {
    const tls = { ca: ad.authority };
    expect(await findAlice({ port: 636, tls })).toEqual(found);
  });

  it('a wrong password is refused, and nothing but that is said', async () => {
    const refusal = findAlice({ credentials: wrong });
    await expect(refusal).rejects.toMatchObject({ cause: { code: 'credentials-refused', side: 'peer' } });
  });

  it('answers longer than 64 KiB come in frames that are longer than SASL’s default', async () => {
    const client = await openLdap({ host: ad.host, port: 389, credentials });
    const { searchEntries } = await client.search(`CN=Schema,CN=Configuration,${ad.baseDn}`, {
      filter: '(objectClass=*)',
      attributes: ['*'],
      paged: { pageSize: 500 },
    });
    await client.unbind();
    expect(searchEntries.length).toBeGreaterThan(1500);
    expect(JSON.stringify(searchEntries).length).toBeGreaterThan(1_000_000);
  });
});

describe('SMB 2.1', () => {
  it('SESSION_SETUP, and a TREE_CONNECT that both ends sign with the session key', async () => {
    expect(await connectTree({ host: ad.host, credentials, share: ad.share })).toBeGreaterThan(0);
  });

  it('a wrong password is refused', async () => {
    await expect(connectTree({ host: ad.host, credentials: wrong, share: ad.share })).rejects.toThrow('c000006d');
  });
});

describe('DCE/RPC privacy', () => {
  it.each([true, false])('the endpoint mapper opens and seals parts, header signing %s', async (headerSigning) => {
    expect(await countEndpoints({ host: ad.host, credentials, headerSigning })).toBeGreaterThan(5);
  });
});
