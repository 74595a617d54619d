/** The machine, step by step, against a server in the same page: what it may do next is what its state says. */
import { Credentials, createNtlmActor, NtlmError, type NtlmActor } from 'ntlmachine';
import { NtlmAcceptor, type VerifyResult } from 'ntlmachine/acceptor';
import type { NtlmFlow } from 'ntlmachine/flow';
import { NegotiateFlags } from 'ntlmachine/messages';
import { byId } from '../../src/visualize/page/client/dom.ts';

const MOVES = ['negotiate', 'challenge', 'judge', 'reset'] as const;
type Move = (typeof MOVES)[number];

const TARGET = { nbDomainName: 'CASTLE', nbComputerName: 'KEEP', dnsDomainName: 'castle.example', dnsComputerName: 'keep.castle.example' };
/** Where a CHALLENGE has its flags and an AUTHENTICATE its MIC (MS-NLMP 2.2.1.2, 2.2.1.3). */
const FLAGS_AT = 20;
const MIC_AT = 72;

type Mischief = Readonly<Partial<Record<'challenge' | 'authenticate', (token: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>>>>;

const MISCHIEF: Readonly<Record<string, Mischief>> = {
  nothing: {},
  downgrade: {
    challenge: (token) => {
      const view = new DataView(token.buffer, token.byteOffset);
      view.setUint32(FLAGS_AT, (view.getUint32(FLAGS_AT, true) & ~NegotiateFlags.NEGOTIATE_EXTENDED_SESSIONSECURITY) >>> 0, true);
      return token;
    },
  },
  cut: { challenge: (token) => token.slice(0, 60) },
  mic: {
    authenticate: (token) => {
      token[MIC_AT]! ^= 1;
      return token;
    },
  },
};

const HINTS: Readonly<Record<string, string>> = {
  idle: 'The machine is idle. It knows one event: negotiate.',
  negotiated: 'NEGOTIATE is out. The machine waits for a challenge, and for nothing else.',
  responded: 'AUTHENTICATE is out. The server has it; it has not said anything yet.',
  authenticated: 'Authenticated. Only reset leads on.',
  failed: 'Failed. Only reset leads on; no way leads from here to a response.',
};

export class Stage {
  readonly #flow = byId<NtlmFlow>('step-flow');
  readonly #said = byId('said');
  readonly #buttons = MOVES.map((move) => ({ move, button: document.querySelector<HTMLButtonElement>(`[data-move="${move}"]`)! }));
  #actor: NtlmActor | undefined;
  #server: NtlmAcceptor | undefined;

  constructor() {
    for (const { move, button } of this.#buttons) button.addEventListener('click', () => void this.#play(move));
    byId('people').addEventListener('submit', (event) => event.preventDefault());
  }

  /** Once somebody looks. */
  begin(): void {
    if (this.#actor !== undefined) return;
    this.#actor = createNtlmActor({ credentials: this.#typed(), spn: 'HTTP/keep.castle.example' });
    this.#flow.source = this.#actor;
    this.#tell();
  }

  async #play(move: Move): Promise<void> {
    const actor = this.#actor!;
    this.#flow.classList.add('shown');
    let said: string | undefined;
    try {
      switch (move) {
        case 'negotiate':
          actor.send({ type: 'negotiate' });
          break;
        case 'challenge':
          actor.send({ type: 'challenge', token: this.#challenge(actor.getSnapshot().context.token!) });
          break;
        case 'judge':
          said = await this.#judge(actor);
          break;
        case 'reset':
          actor.send({ type: 'reset', credentials: this.#typed() });
          break;
      }
    } catch (error) {
      if (!(error instanceof NtlmError)) throw error;
      said = error.message;
    }
    this.#tell(said);
  }

  #challenge(negotiate: Uint8Array): Uint8Array<ArrayBuffer> {
    const known = byId<HTMLInputElement>('known-password').value;
    this.#server = new NtlmAcceptor({ credentials: ({ username, domain }) => Credentials.fromPassword({ username, domain, password: known }), target: TARGET });
    return this.#onTheWay('challenge', this.#server.challenge(negotiate));
  }

  async #judge(actor: NtlmActor): Promise<string> {
    const verdict = await this.#server!.authenticate(this.#onTheWay('authenticate', actor.getSnapshot().context.token!.slice()));
    actor.send({ type: verdict.ok ? 'accepted' : 'rejected' });
    return sentenceOf(verdict);
  }

  #onTheWay(message: 'challenge' | 'authenticate', token: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const alter = MISCHIEF[byId<HTMLSelectElement>('mischief').value]?.[message];
    return alter === undefined ? token : alter(token);
  }

  #typed(): Credentials {
    return Credentials.fromPassword({ username: byId<HTMLInputElement>('own-user').value, password: byId<HTMLInputElement>('own-password').value });
  }

  #tell(said?: string): void {
    const snapshot = this.#actor!.getSnapshot();
    const may: Readonly<Record<Move, boolean>> = {
      negotiate: snapshot.matches('idle'),
      challenge: snapshot.matches('negotiated'),
      judge: snapshot.matches('responded'),
      reset: !snapshot.matches('idle'),
    };
    const next = MOVES.find((move) => may[move]);
    for (const { move, button } of this.#buttons) {
      button.disabled = !may[move];
      button.classList.toggle('next', move === next);
    }
    const [state = ''] = typeof snapshot.value === 'string' ? [snapshot.value] : Object.keys(snapshot.value);
    const { error } = snapshot.context;
    const hint = HINTS[state] ?? '';
    this.#said.textContent = [said ?? (error === undefined ? '' : `${error.message}.`), hint].filter(Boolean).join(' ');
  }
}

function sentenceOf(verdict: VerifyResult): string {
  return verdict.ok ? `The server: welcome, ${verdict.identity.username}.` : `The server: ${verdict.reason.replaceAll('-', ' ')}.`;
}
