/**
 * IMAP and POP3 with AUTH NTLM over one helper: both send base64 in lines, and tell in words of their own when they wait
 * and when they are content (RFC 9051 6.2.2, RFC 5034).
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Credentials } from 'ntlmachine';
import { SaslClient, type SaslMechanism } from 'ntlmachine/sasl';

export interface MailboxOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials;
  readonly mechanism?: SaslMechanism;
}

/** How many messages there are. */
export async function countByImap(options: MailboxOptions): Promise<number> {
  await using line = await Lines.open(options);
  await line.read(); // * OK
  await authenticate(line, `a1 AUTHENTICATE ${options.mechanism ?? 'NTLM'}`, /^a1 OK/, options);
  line.write('a2 SELECT INBOX');
  for (let count = 0; ; ) {
    const reply = await line.read();
    count = Number(/^\* (\d+) EXISTS/.exec(reply)?.[1] ?? count);
    if (reply.startsWith('a2 OK')) return count;
    if (reply.startsWith('a2 ')) throw new Error(`no mailbox: ${reply}`);
  }
}

/** How many messages there are. */
export async function countByPop3(options: MailboxOptions): Promise<number> {
  await using line = await Lines.open(options);
  await line.read(); // +OK
  await authenticate(line, `AUTH ${options.mechanism ?? 'NTLM'}`, /^\+OK/, options);
  line.write('STAT');
  return Number((await line.read()).split(' ')[1]);
}

/** `command`, and a response for each line that begins with "+ ", up to one that says how it went. */
async function authenticate(line: Lines, command: string, success: RegExp, options: MailboxOptions): Promise<void> {
  const { credentials, mechanism = 'NTLM' } = options;
  const sasl = new SaslClient({ mechanism, credentials });
  line.write(command);
  for (;;) {
    const reply = await line.read();
    if (reply.startsWith('+ ') || reply === '+') line.write(sasl.step(reply.slice(2)) ?? '');
    else if (success.test(reply)) {
      if (sasl.client.state !== 'authenticated') sasl.step(); // throws where nothing was proven yet
      return;
    } else if (!reply.startsWith('* ')) {
      throw new Error(reply, { cause: sasl.rejected() });
    }
  }
}

class Lines {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async open({ host, port }: MailboxOptions): Promise<Lines> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return new Lines(socket);
  }

  async read(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error('the server closed the connection');
    return value as string;
  }

  write(text: string): void {
    this.#socket.write(`${text}\r\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}
