/**
 * OpenSSL's MD4, RC4 and DES as an independent reference. Node has them only with its legacy provider, which is
 * chosen when a process starts: so they run in a child, one line a question and one line an answer.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const CHILD = `
const { createCipheriv, createHash } = require('node:crypto');
const answer = ([algorithm, key, data]) => {
  if (algorithm === 'md4') return createHash('md4').update(Buffer.from(data, 'hex')).digest('hex');
  const cipher = createCipheriv(algorithm, Buffer.from(key, 'hex'), null).setAutoPadding(false);
  return cipher.update(data, 'hex', 'hex') + cipher.final('hex');
};
require('node:readline').createInterface(process.stdin).on('line', (line) => console.log(answer(JSON.parse(line))));
`;

export interface LegacyOracle {
  /** The digest or ciphertext of hexadecimal `data`, in hexadecimal. */
  ask(algorithm: 'md4' | 'rc4' | 'des-ecb', key: string, data: string): Promise<string>;
  close(): void;
}

export function legacyOracle(): LegacyOracle {
  const child = spawn(process.execPath, ['--openssl-legacy-provider', '-e', CHILD], {
    env: {},
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async ask(...question) {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error('the OpenSSL reference process ended');
      return value;
    },
    close: () => void child.kill(),
  };
}
