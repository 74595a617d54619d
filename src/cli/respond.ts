import { NtlmClient } from '../client/client.ts';
import { Credentials } from '../crypto/credentials.ts';
import { PASSWORD_HELP, checkSecret, checkUser, readCredentials } from './credentials.ts';
import { handshakeInput, handshakeOptions, readChallenge, writeMessage } from './handshake.ts';
import { takesLmHash } from './policy.ts';
import { defineVerb } from './verb.ts';

export const respond = defineVerb({
  name: 'respond',
  description:
    'Prints the type 3 message that answers a type 2 message: the last one in its operands, in files or on standard input, in ' +
    'whatever form "decode" takes (base64, header lines, a log of curl, a HAR, a capture).\n\n' +
    'The type 1 before it is made again from the options: give the same ones as to "negotiate".\n\n' +
    PASSWORD_HELP,
  operands: '[TOKEN...|FILE...]',
  operandCount: [0, 1000],
  options: handshakeOptions,
  run: async (values, terminal, operands) => {
    const input = handshakeInput(values);
    if (values.anonymous !== true) checkUser(values.user);
    checkSecret(values);
    const challenge = await readChallenge(operands, terminal);
    const credentials = values.anonymous
      ? Credentials.anonymous()
      : await readCredentials(values, terminal, { lmHash: takesLmHash(input.policy) });
    const client = new NtlmClient({ ...input, credentials });
    if (input.connectionless !== true) client.negotiate();
    writeMessage(terminal, client.respond(challenge), values.raw);
    credentials.wipe();
  },
});
