/**
 * What the sides of a connection that may ask for authentication have to do with a request. A side is
 *
 * | state           | since                                                          | and then                                |
 * |-----------------|----------------------------------------------------------------|-----------------------------------------|
 * | `authenticated` | a proof was answered, and not by another question              | requests go out bare                    |
 * | `doubtful`      | that answer was an error, which may come before any look at it | what cannot be sent twice asks first    |
 * | `outdated`      | other credentials than its own are in use                      | the connection is replaced              |
 * | `spoilt`        | a proof was asked for again, or its Negotiate takes no NTLM     | likewise, unless one more leg is wanted |
 *
 * What it carries meanwhile, and what that proves, is a table of its own (authorize-message.ts).
 */
import type { Layer } from '../authentication/layer.ts';
import type { ClientRequest } from '../wire/request.ts';

/** Whether a layer has a say in a request: not where none may, nor where the client speaks for itself. */
export function isInvolved(layer: Layer, request: ClientRequest): boolean {
  return layer.allowed && !request.brings(layer.credentialsName);
}

/** Whether a request may go out as it is, as far as this layer goes. */
export function mayGo(layer: Layer, request: ClientRequest): boolean {
  const { realm } = layer;
  if (layer.authenticated) {
    if (layer.outdated || (request.once && layer.mayWantEach)) return false;
    return !(layer.served === 1 && realm.singleRequestHandshakes > 1);
  }
  const { paths } = realm;
  if (realm.scheme === undefined && !request.hasBody) return true;
  return paths.isOpen(request) || (!request.once && realm.scheme === undefined && paths.answeredUnasked);
}

/** Whether a request needs no legs. Cheap: it is asked of each. */
export function isPlain(layers: readonly Layer[], request: ClientRequest): boolean {
  for (const layer of layers) {
    if (!isInvolved(layer, request)) continue;
    if (!mayGo(layer, request)) return false;
    if (isUnsure(layer, request) || (request.once && mayAskAgain(layer) && layer.realm.paths.waiting !== 'no')) return false;
  }
  return true;
}

/** Whether it is not to be known if a connection is authenticated, for a request whose body would be lost by a 401. */
export function isUnsure({ authenticated, doubtful }: Layer, request: ClientRequest): boolean {
  return authenticated && doubtful && request.once;
}

/** Whether an authenticated connection may be asked all the same. */
export function mayAskAgain({ authenticated, doubtful, realm }: Layer): boolean {
  return authenticated && (doubtful || realm.paths.asksAgain);
}

/** Whether a connection is of no use for this request: it failed before, or is authenticated as somebody else. */
export function isUseless({ outdated, spoilt }: Layer): boolean {
  return spoilt || outdated;
}
