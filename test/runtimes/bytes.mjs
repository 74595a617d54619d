/** What needs no sockets, in the runtime that runs this: one word for each part. */
import { Credentials, NtlmClient, NtlmError, createNtlmActor } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';
import { decodeMessage } from 'ntlmachine/messages';
import { md4 } from 'ntlmachine/crypto';
import { SaslClient } from 'ntlmachine/sasl';
import { NtlmSession } from 'ntlmachine/session';
import { openSnapshot, sealSnapshot } from 'ntlmachine/snapshot';
import { SpnegoAcceptor, spnego } from 'ntlmachine/spnego';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });
const parts = {};

parts.codec = async () => {
  const { type } = decodeMessage(new NtlmClient({ credentials }).negotiate());
  return type === 'NEGOTIATE' && md4(new Uint8Array(3)).length === 16;
};
parts.machine = async () => {
  const actor = createNtlmActor({ credentials });
  actor.send({ type: 'negotiate' });
  return actor.getSnapshot().matches('negotiated');
};
parts.client = async () => {
  const acceptor = new NtlmAcceptor({ credentials });
  const client = new NtlmClient({ credentials, sessionSecurity: 'seal' });
  const verdict = await acceptor.authenticate(client.respond(acceptor.challenge(client.negotiate())));
  client.accepted();
  if (!verdict.ok) return false;
  const ours = NtlmSession.fromClient(client);
  const theirs = NtlmSession.fromHandshake({ sessionKey: verdict.sessionKey, negotiateFlags: verdict.negotiateFlags, side: 'server' });
  return verdict.mic && theirs.unwrap(ours.wrap(Uint8Array.of(1, 2, 3))).length === 3;
};
parts.SPNEGO = async () => {
  const acceptor = new SpnegoAcceptor({ credentials });
  const client = new NtlmClient({ credentials, spnego });
  let step = await acceptor.accept(client.negotiate());
  while (step.state === 'continue') step = await acceptor.accept(client.step(step.token).token);
  return step.state === 'accepted';
};
parts.snapshot = async () => {
  const key = new Uint8Array(32).fill(7);
  const actor = createNtlmActor({ credentials });
  actor.send({ type: 'negotiate' });
  return openSnapshot(sealSnapshot(actor, key), key).getSnapshot().matches('negotiated');
};
parts.SASL = async () => new SaslClient({ credentials, mechanism: 'NTLM' }).start('base64').startsWith('TlRM');
parts.errors = async () => {
  try {
    new NtlmClient({ credentials: 'alice' });
  } catch (error) {
    return error instanceof NtlmError && error.code === 'invalid-argument';
  }
};

/** @returns for each part `yes`, or what came instead. */
export async function tryParts() {
  const told = {};
  for (const name of Object.keys(parts)) {
    try {
      told[name] = (await parts[name]()) === true ? 'yes' : 'no';
    } catch (error) {
      told[name] = `${error.code ?? error.name}: ${error.message}${error.cause === undefined ? "" : ` (${error.cause.message})`}`;
    }
  }
  return told;
}
