/** What ntlmachine/fetch does in the runtime that runs this, with the undici beside it: one line of JSON. */
const { HTTP: http, HTTPS: https, CA: ca } = globalThis.process.env;
const bun = globalThis.process.versions.bun !== undefined;
const told = {};

/** What came of it, in a word. */
const tell = async (name, act) => {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('nothing within 10 s')), 10_000).unref?.());
  told[name] = await Promise.race([act(), late]).catch((error) => {
    const cause = error.cause?.code === undefined ? error : error.cause;
    return `${cause.code ?? cause.name}${cause.code === 'unsupported' ? '' : `: ${cause.message}`}`;
  });
};
const echo = async (response) => (response.status === 200 ? response.json() : Promise.reject(new Error(String(response.status))));
const sees = (expected, actual) => (expected === actual ? 'yes' : `no: ${actual}`);

await tell('loads', async () => {
  await import('ntlmachine/fetch');
  return 'yes';
});
if (told.loads === 'yes') {
  const { Credentials } = await import('ntlmachine');
  const { NtlmDispatcher, createNtlmFetch } = await import('ntlmachine/fetch');
  const undici = await import(bun ? 'undici/index.js' : 'undici'); // Bun has another thing by the shorter name
  const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });
  const dispatcher = new NtlmDispatcher({ credentials });
  const ntlmFetch = createNtlmFetch({ credentials });
  const post = async (body) => echo(await ntlmFetch(http, { method: 'POST', body }));

  await tell('dispatcher, global fetch', async () => String((await fetch(http, { dispatcher })).status));
  await tell("dispatcher, undici's fetch", async () => String((await undici.fetch(http, { dispatcher })).status));
  await tell('createNtlmFetch', async () => {
    const response = await ntlmFetch(http);
    await response.arrayBuffer();
    return `${response.status}, over ${response instanceof Response ? 'the global fetch' : "undici's"}`;
  });
  await tell('Request', async () => {
    const request = new Request(http, { method: 'PUT', headers: { 'x-order': '7' }, body: 'lamp' });
    const { method, headers, body } = await echo(await ntlmFetch(request));
    return sees('PUT 7 4 lamp', [method, headers['x-order'], headers['content-length'], body].join(' '));
  });
  await tell('FormData', async () => {
    const form = new FormData();
    form.append('item', 'lamp');
    form.append('picture', new File(['pixels'], 'lamp.png', { type: 'image/png' }));
    const { headers, body } = await post(form);
    const parts = [/name="item"\r\n\r\nlamp\r\n/, /name="picture"; filename="lamp.png"\r\ncontent-type: image\/png\r\n\r\npixels\r\n/i];
    return sees(true, headers['content-type'].startsWith('multipart/form-data; boundary=') && parts.every((part) => part.test(body)));
  });
  await tell('Headers', async () => {
    const { headers } = await echo(await ntlmFetch(http, { headers: new Headers({ 'x-order': '7' }) }));
    return sees('7', headers['x-order']);
  });
  await tell('Blob', async () => {
    const { headers, body } = await post(new Blob(['lamp'], { type: 'text/x-note' }));
    return sees('text/x-note 4 lamp', [headers['content-type'], headers['content-length'], body].join(' '));
  });
  await tell('a plain object as body', async () => (await post({ item: 'lamp' })).body);
  await tell('TLS', async () => {
    const overTls = createNtlmFetch({ credentials, connect: { ca } });
    return sees('GET', (await echo(await overTls(https))).method);
  });
}
console.log(JSON.stringify(told));
globalThis.process.exit(0);
