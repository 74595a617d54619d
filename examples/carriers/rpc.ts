/**
 * DCE/RPC at the level of privacy (MS-RPCE 2.2.1.1.8): what the endpoint mapper of a server has, over ncacn_ip_tcp.
 *
 * The whole PDU is signed and the stub alone is sealed: `session.seal` takes the three parts in their order. NTLM does
 * so whether or not header signing was agreed on (Samba answers anything else with a fault); a mechanism that leaves
 * header and trailer out seals the stub alone, `session.seal(stub)`.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { NtlmClient, type Credentials } from 'ntlmachine';
import { NtlmSession } from 'ntlmachine/session';

export interface RpcOptions {
  readonly host: string;
  readonly port?: number;
  readonly credentials: Credentials;
  /** Whether the client says that it can sign headers; default `true`. */
  readonly headerSigning?: boolean;
}

/** `ept_lookup`: how many endpoints there are, of 100 at most (C706 appendix O). */
export async function countEndpoints({ host, port = 135, credentials, headerSigning = true }: RpcOptions): Promise<number> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  try {
    const client = new NtlmClient({ credentials, sessionSecurity: 'seal', spn: `RPCSS/${host}` });
    const flags = FIRST_AND_LAST | (headerSigning ? SUPPORT_HEADER_SIGN : 0);
    socket.write(pdu(BIND, flags, bindBody(), client.negotiate()));
    const ack = await pduFrom(socket);
    if (ack[2] !== BIND_ACK) throw new Error(`the server refused the bind: PDU type ${ack[2]}`);
    socket.write(pdu(AUTH3, FIRST_AND_LAST, Buffer.alloc(4), client.respond(authValueOf(ack))));
    const session = NtlmSession.fromClient(client);

    // inquiry_type, object, interface_id, vers_option, entry_handle, max_ents
    const stub = Buffer.alloc(40);
    stub.writeUInt32LE(1, 12);
    stub.writeUInt32LE(100, 36);
    socket.write(sealedRequest(session, 2, stub));
    const response = openedResponse(session, await pduFrom(socket));
    return response.readUInt32LE(20); // num_ents, after the handle
  } finally {
    socket.destroy();
  }
}

const [REQUEST, RESPONSE, BIND, BIND_ACK, AUTH3] = [0, 2, 11, 12, 16];
const FIRST_AND_LAST = 0x03;
const SUPPORT_HEADER_SIGN = 0x04;
const NTLM = 10;
const PRIVACY = 6;
const HEADER = 16;
const REQUEST_HEADER = 24;
const TRAILER = 8;
const SIGNATURE = 16;

/** The endpoint mapper's interface in NDR. */
function bindBody(): Buffer {
  const body = Buffer.alloc(56);
  body.writeUInt16LE(5840, 0);
  body.writeUInt16LE(5840, 2);
  body.writeUInt8(1, 8); // one context, of one transfer syntax
  body.writeUInt8(1, 14);
  Buffer.from('0883afe11f5dc91191a408002b14a0fa', 'hex').copy(body, 16);
  body.writeUInt16LE(3, 32);
  Buffer.from('045d888aeb1cc9119fe808002b104860', 'hex').copy(body, 36);
  body.writeUInt16LE(2, 52);
  return body;
}

function header(type: number, flags: number, length: number, authLength: number): Buffer {
  const bytes = Buffer.from([5, 0, type, flags, 0x10, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
  bytes.writeUInt16LE(length, 8);
  bytes.writeUInt16LE(authLength, 10);
  return bytes;
}

const trailer = (padding: number): Buffer => Buffer.from([NTLM, PRIVACY, padding, 0, 0, 0, 0, 0]);

function pdu(type: number, flags: number, body: Buffer, auth: Uint8Array): Buffer {
  return Buffer.concat([header(type, flags, HEADER + body.length + TRAILER + auth.length, auth.length), body, trailer(0), auth]);
}

function sealedRequest(session: NtlmSession, opnum: number, stub: Buffer): Buffer {
  const padding = (16 - (stub.length % 16)) % 16;
  const padded = Buffer.concat([stub, Buffer.alloc(padding)]);
  const head = Buffer.alloc(REQUEST_HEADER);
  header(REQUEST!, FIRST_AND_LAST, REQUEST_HEADER + padded.length + TRAILER + SIGNATURE, SIGNATURE).copy(head);
  head.writeUInt32LE(stub.length, 16); // alloc_hint
  head.writeUInt16LE(opnum, 22);
  const { parts, signature } = session.seal(partsOf(head, padded, trailer(padding)));
  const sealed = parts.find((part) => part.sealed)!.bytes;
  return Buffer.concat([head, sealed, trailer(padding), signature]);
}

function openedResponse(session: NtlmSession, bytes: Buffer): Buffer {
  if (bytes[2] !== RESPONSE) throw new Error(`the server answered with a fault: 0x${bytes.readUInt32LE(24).toString(16)}`);
  const end = bytes.length - SIGNATURE;
  const [head, sealed] = [bytes.subarray(0, REQUEST_HEADER), bytes.subarray(REQUEST_HEADER, end - TRAILER)];
  const tail = bytes.subarray(end - TRAILER, end);
  const opened = session.unseal({ parts: partsOf(head, sealed, tail), signature: bytes.subarray(end) });
  const stub = Buffer.from(opened.find((part) => part.sealed)!.bytes);
  return stub.subarray(0, stub.length - tail[2]!);
}

/** What the signature is over, and what is sealed of it. */
function partsOf(head: Buffer, stub: Buffer, tail: Buffer) {
  return [head, stub, tail].map((bytes) => ({ bytes, sealed: bytes === stub }));
}

function authValueOf(bytes: Buffer): Buffer {
  return bytes.subarray(bytes.length - bytes.readUInt16LE(10));
}

async function pduFrom(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  while (received.length < HEADER || received.length < received.readUInt16LE(8)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
  }
  return received.subarray(0, received.readUInt16LE(8));
}
