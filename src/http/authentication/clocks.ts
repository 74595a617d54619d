/** One tolerance for clocks, wherever they are compared. */

/** What Windows tolerates by default, for Kerberos and NTLM alike. */
export const TOLERATED_SECONDS = 300;

/** `ahead` where the server's clock is the later one; `undefined` within the tolerance. */
export function skewOf(serverMinusClient: number): { readonly seconds: number; readonly way: 'ahead of' | 'behind' } | undefined {
  const seconds = Math.round(Math.abs(serverMinusClient));
  if (!(seconds > TOLERATED_SECONDS)) return undefined;
  return { seconds, way: serverMinusClient < 0 ? 'behind' : 'ahead of' };
}
