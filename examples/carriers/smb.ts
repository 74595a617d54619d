/**
 * SMB 2.1 up to a share: NEGOTIATE, SESSION_SETUP with NTLM inside SPNEGO, a signed TREE_CONNECT (MS-SMB2 3.2.4.2).
 *
 * The session key signs here, not the NTLM session: `sessionKey.bytes()` is what SMB calls Session.SessionKey, and
 * asking for SIGN makes both ends agree on it. SMB 3 derives its own keys from the same bytes (MS-SMB2 3.1.4.2).
 */
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { NtlmClient, type Credentials } from 'ntlmachine';

export interface SmbOptions {
  readonly host: string;
  readonly port?: number;
  readonly credentials: Credentials;
  readonly share: string;
}

/** The id of the tree that was connected to. */
export async function connectTree({ host, port = 445, credentials, share }: SmbOptions): Promise<number> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  try {
    const negotiated = await exchange(socket, { command: 0, messageId: 0, body: negotiateRequest() });
    const client = new NtlmClient({ credentials, spnego: true, sessionSecurity: 'sign', spn: `cifs/${host}` });

    let sessionId = 0n;
    let messageId = 1;
    let { token } = client.step(securityBuffer(negotiated.body, 56));
    while (token !== undefined) {
      const { status, body, ...header } = await exchange(socket, { command: 1, messageId, sessionId, body: sessionSetup(token) });
      if (status !== SUCCESS && status !== MORE_PROCESSING_REQUIRED) throw refused('SESSION_SETUP', status);
      ({ sessionId } = header);
      messageId += 1;
      ({ token } = client.step(securityBuffer(body, 4)));
    }

    const key = client.sessionKey!.bytes();
    const tree = await exchange(socket, { command: 3, messageId, sessionId, body: treeConnect(`\\\\${host}\\${share}`), key });
    if (tree.status !== SUCCESS) throw refused('TREE_CONNECT', tree.status);
    return tree.treeId;
  } finally {
    socket.destroy();
  }
}

const SUCCESS = 0;
const MORE_PROCESSING_REQUIRED = 0xc0000016;
const HEADER = 64;
const SIGNATURE = 48;
const FLAGS_SIGNED = 8;

function negotiateRequest(): Buffer {
  const body = Buffer.alloc(38);
  body.writeUInt16LE(36, 0); // StructureSize
  body.writeUInt16LE(1, 2); // DialectCount
  body.writeUInt16LE(1, 4); // SIGNING_ENABLED
  Buffer.from(randomUUID().replaceAll('-', ''), 'hex').copy(body, 12); // ClientGuid
  body.writeUInt16LE(0x0210, 36);
  return body;
}

function sessionSetup(token: Uint8Array): Buffer {
  const body = Buffer.alloc(24);
  body.writeUInt16LE(25, 0);
  body.writeUInt8(1, 3); // SIGNING_ENABLED
  body.writeUInt16LE(HEADER + 24, 12);
  body.writeUInt16LE(token.length, 14);
  return Buffer.concat([body, token]);
}

function treeConnect(path: string): Buffer {
  const body = Buffer.alloc(8);
  const name = Buffer.from(path, 'utf16le');
  body.writeUInt16LE(9, 0);
  body.writeUInt16LE(HEADER + 8, 4);
  body.writeUInt16LE(name.length, 6);
  return Buffer.concat([body, name]);
}

/** The token of a response, whose offset and length stand at `at`. */
function securityBuffer(body: Buffer, at: number): Buffer {
  const offset = body.readUInt16LE(at) - HEADER;
  return body.subarray(offset, offset + body.readUInt16LE(at + 2));
}

interface Request {
  readonly command: number;
  readonly messageId: number;
  readonly sessionId?: bigint;
  readonly body: Buffer;
  /** Signs the request, and proves the response. */
  readonly key?: Uint8Array;
}

async function exchange(socket: Socket, { command, messageId, sessionId = 0n, body, key }: Request) {
  const header = Buffer.alloc(HEADER);
  header.write('\xfeSMB', 'latin1');
  header.writeUInt16LE(HEADER, 4);
  header.writeUInt16LE(1, 6); // CreditCharge
  header.writeUInt16LE(command, 12);
  header.writeUInt16LE(31, 14); // CreditRequest
  header.writeUInt32LE(key === undefined ? 0 : FLAGS_SIGNED, 16);
  header.writeBigUInt64LE(BigInt(messageId), 24);
  header.writeBigUInt64LE(sessionId, 40);
  const message = Buffer.concat([header, body]);
  if (key !== undefined) signatureOf(key, message).copy(message, SIGNATURE);
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(message.length);
  socket.write(Buffer.concat([prefix, message]));

  const response = await frameOf(socket);
  if (key !== undefined && !signatureOf(key, response).equals(response.subarray(SIGNATURE, HEADER))) {
    throw new Error('the response is not signed with the session key');
  }
  return {
    status: response.readUInt32LE(8),
    treeId: response.readUInt32LE(36),
    sessionId: response.readBigUInt64LE(40),
    body: response.subarray(HEADER),
  };
}

/** HMAC-SHA256 of the message, its own signature left out (MS-SMB2 3.1.4.1). */
function signatureOf(key: Uint8Array, message: Buffer): Buffer {
  const unsigned = Buffer.from(message).fill(0, SIGNATURE, HEADER);
  return createHmac('sha256', key).update(unsigned).digest().subarray(0, 16);
}

async function frameOf(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  while (received.length < 4 || received.length < 4 + received.readUInt32BE(0)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
  }
  return received.subarray(4);
}

function refused(what: string, status: number): Error {
  return new Error(`the server refused ${what}: 0x${status.toString(16)}`);
}
