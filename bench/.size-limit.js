// Minified and gzipped, with every dependency inside, as a browser gets it. `npm run size` fails beyond these limits,
// which stand a few per cent above what is there; `/http` runs on Node only and is not in the list.
// Without `tsconfigRaw` the sources' tsconfig would give the bundle the variant of `#hmac-md5` that is Node's.
const modifyEsbuildConfig = (config) => ({ ...config, format: 'esm', target: 'es2022', tsconfigRaw: '{}' });
const entry = (name, path, limit) => ({ name, path, limit, gzip: true, modifyEsbuildConfig });

export default [
  entry('ntlmachine, with xstate', '../dist/index.js', '28.5 kB'),
  entry('ntlmachine/messages and ntlmachine/crypto', 'entries/messages-and-crypto.js', '12.8 kB'),
  entry('ntlmachine/messages', '../dist/messages/index.js', '5.8 kB'),
  entry('ntlmachine/crypto', '../dist/crypto/index.js', '7.6 kB'),
  entry('ntlmachine/channel-bindings', '../dist/crypto/channel-bindings-sources.js', '13.2 kB'),
  entry('ntlmachine/session', '../dist/session/index.js', '6.7 kB'),
  entry('ntlmachine/spnego, with xstate', '../dist/spnego/index.js', '47.5 kB'),
  entry('ntlmachine/acceptor, with xstate', '../dist/acceptor/index.js', '28 kB'),
  entry('ntlmachine/snapshot, with xstate', '../dist/snapshot/index.js', '34.3 kB'),
  entry('ntlmachine/visualize, with xstate', '../dist/visualize/index.js', '42 kB'),
];
