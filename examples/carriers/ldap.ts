/**
 * LDAP with NTLM inside GSS-SPNEGO (MS-ADTS 5.1.1.1.2), for ldapts, which has no such bind.
 *
 * On port 389 everything after the bind is sealed: `secureSocket` takes the socket's place. Over TLS nothing is, and
 * nothing may be asked for: `sessionSecurity: 'none'`, and the server's certificate bound to the handshake.
 */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { Duplex } from 'node:stream';
import { Ber, BerReader, BerWriter, Client } from 'ldapts';
import type { Credentials, SessionSecurity } from 'ntlmachine';
import { channelBindings } from 'ntlmachine/channel-bindings';
import { SaslClient, secureSocket } from 'ntlmachine/sasl';

export interface LdapOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials;
  /** For LDAPS. */
  readonly tls?: ConnectionOptions | undefined;
  /** Without TLS; default: `seal`. Servers that want no more take `sign`. */
  readonly sessionSecurity?: SessionSecurity | undefined;
}

/** A client of ldapts that is bound. */
export async function openLdap({ host, port, credentials, tls, sessionSecurity = 'seal' }: LdapOptions): Promise<Client> {
  const socket = tls === undefined ? connectTcp(port, host) : connectTls({ ...tls, host, port });
  await once(socket, tls === undefined ? 'connect' : 'secureConnect');
  const sasl = new SaslClient({
    mechanism: 'GSS-SPNEGO',
    credentials,
    spn: `ldap/${host}`,
    ...('encrypted' in socket
      ? { sessionSecurity: 'none', channelBindings: await channelBindings.fromTlsSocket(socket) }
      : { sessionSecurity }),
  });

  let response: Uint8Array | undefined = sasl.start();
  for (let messageId = 1; response !== undefined; messageId += 1) {
    const { resultCode, diagnostic, serverSaslCreds } = await bind(socket, messageId, sasl.mechanism, response);
    if (resultCode !== SUCCESS && resultCode !== SASL_BIND_IN_PROGRESS) {
      socket.destroy();
      throw new Error(`the server refused the bind (${resultCode}): ${diagnostic}`, { cause: sasl.rejected() });
    }
    response = sasl.step(serverSaslCreds);
  }

  const open = sasl.session === undefined ? socket : asSocket(secureSocket(socket, sasl.session));
  return new Client({ url: `ldap://${host}:${port}`, createConnection: (() => open) as typeof connectTcp });
}

/** What ldapts looks at to know that a connection stands. */
function asSocket(secured: Duplex): Socket {
  return Object.assign(secured, { connecting: false, readyState: 'open' }) as Socket;
}

const SUCCESS = 0;
const SASL_BIND_IN_PROGRESS = 14;

/** One BindRequest and its BindResponse (RFC 4511 4.2). */
async function bind(socket: Socket, messageId: number, mechanism: string, credentials: Uint8Array) {
  const request = new BerWriter();
  request.startSequence();
  request.writeInt(messageId);
  request.startSequence(0x60); // BindRequest
  request.writeInt(3);
  request.writeString('');
  request.startSequence(0xa3); // sasl
  request.writeString(mechanism);
  request.writeBuffer(Buffer.from(credentials), Ber.OctetString);
  for (let open = 3; open > 0; open -= 1) request.endSequence();
  socket.write(request.buffer);

  const response = new BerReader(await messageOf(socket));
  response.readSequence();
  response.readInt();
  response.readSequence(0x61); // BindResponse
  const resultCode = response.readEnumeration();
  response.readString(); // matchedDN
  const diagnostic = response.readString();
  const serverSaslCreds = response.peek() === 0x87 ? response.readString(0x87, true) : null;
  return { resultCode, diagnostic, serverSaslCreds: serverSaslCreds ?? undefined };
}

/** One LDAPMessage, however it is cut on its way. */
async function messageOf(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
    const reader = new BerReader(received);
    if (reader.readSequence() !== null && reader.remain >= reader.length) return received;
  }
}
