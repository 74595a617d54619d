/** A server for its clients, in the place of another that wants NTLM. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { hostOf, portOf } from '../http/routes/urls.ts';
import { isNear, objectionToPage, ownHosts, type Objection } from './admission.ts';
import type { Mode, Plan } from './mode.ts';
import type { GatewaySettings } from './options.ts';
import { answerFields, requestFields } from './reverse-fields.ts';
import type { Teller } from '../http/exchange/telling.ts';
import { toServer, type Way } from './way.ts';

export class ReverseMode implements Mode {
  readonly tokenField = 'authorization';
  readonly tokenStatus = 401;
  readonly tokenChallenge = 'WWW-Authenticate';
  readonly #settings: GatewaySettings;
  readonly #to: URL;
  readonly #hosts: ReadonlySet<string>;
  readonly #way: Way;
  readonly teller: Teller | undefined;

  constructor(settings: GatewaySettings, to: URL, hosts: ReadonlySet<string>) {
    this.#settings = settings;
    this.#to = to;
    this.#hosts = hosts;
    this.#way = toServer(to, settings);
    this.teller = this.#way.teller;
  }

  hostOf(): string {
    return this.#to.host;
  }

  objection(request: IncomingMessage): Objection | undefined {
    if (request.method === 'CONNECT' || !request.url?.startsWith('/')) {
      return { status: 400, reason: `this gateway stands for ${this.#to.origin} and is no proxy` };
    }
    if (isNear(hostOf(this.#to)) && portOf(this.#to) === request.socket.localPort) {
      return { status: 508, reason: 'the request leads back to this gateway' };
    }
    return objectionToPage(request, ownHosts(request.socket, this.#settings, this.#hosts));
  }

  async plan(request: IncomingMessage): Promise<Plan> {
    const secure = (request.socket as Partial<TLSSocket>).encrypted === true;
    const own = new URL(`${secure ? 'https' : 'http'}://${request.headers.host}`);
    const mapping = { to: this.#to, own };
    const fields = requestFields(request, mapping, this.#settings.clientTokens !== undefined);
    return {
      ways: [this.#way],
      outgoing: () => ({ path: request.url ?? '/', fields, options: {} }),
      incoming: (answer) => answerFields(answer, mapping),
    };
  }

  noteOpen(): void {}

  noteUnreachable(): void {}

  close(): void {
    this.#way.shared.close();
  }
}
