/** What stands at castle.example: for each product that the documents name, a server that behaves as its documents say. */
import { windows, type Houses } from './castle.ts';

export const houses: Houses = {
  keep: windows('keep', ({ ntlm }, response) => void response.end(`Hello ${ntlm.domain}\\${ntlm.username}`)),
};
