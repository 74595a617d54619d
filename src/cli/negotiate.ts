import { NtlmClient } from '../client/client.ts';
import { Credentials } from '../crypto/credentials.ts';
import { handshakeInput, handshakeOptions, writeMessage } from './handshake.ts';
import { defineVerb } from './verb.ts';

export const negotiate = defineVerb({
  name: 'negotiate',
  description:
    'Prints the type 1 message that opens a handshake, in base64.\n\n' +
    'It follows from the options alone. Give the same ones to "respond": the integrity code of the type 3 covers the ' +
    'type 1, which "respond" makes again. User, password and target do not show in a type 1 and are not read here.',
  options: handshakeOptions,
  run: async (values, terminal) => {
    const client = new NtlmClient({ ...handshakeInput(values), credentials: Credentials.anonymous() });
    writeMessage(terminal, client.negotiate(), values.raw);
  },
});
