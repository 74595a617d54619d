// Minified and gzipped, with every dependency inside, as a browser gets it. `npm run size` fails beyond these.
// Without `tsconfigRaw` the sources' tsconfig would give the bundle the variant of `#hmac-md5` that is Node's.
const modifyEsbuildConfig = (config) => ({ ...config, format: 'esm', target: 'es2022', tsconfigRaw: '{}' });
const entry = (name, path, limit) => ({ name, path, limit, gzip: true, modifyEsbuildConfig });

export default [
  entry('ntlmachine, with xstate', '../dist/index.js', '25 kB'),
  entry('ntlmachine/messages and ntlmachine/crypto', 'entries/messages-and-crypto.js', '10 kB'),
  entry('ntlmachine/messages', '../dist/messages/index.js', '10 kB'),
  entry('ntlmachine/crypto', '../dist/crypto/index.js', '10 kB'),
  entry('ntlmachine/acceptor, with xstate', '../dist/acceptor/index.js', '25 kB'),
];
