/** What stands at castle.example: for each product that the documents name, a server that behaves as its documents say. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createNtlmServer, requireNtlm, type NtlmRequestListener, type NtlmServerOptions } from '../../src/http/index.ts';
import { encodeNegTokenResp } from '../../src/spnego/messages/index.ts';
import { windows, type Houses } from './castle.ts';

const DAY = 864_000_000_000n; // FILETIME ticks
const EPOCH = 11_644_473_600_000n; // milliseconds from 1601 to 1970
const DIGEST = '0x5F1C,26 Nov 2026 08:00:00 -0000';

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function xml(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'text/xml; charset=utf-8' }).end(body);
}

const envelope = (body: string): string => `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`;

/** Lists by REST; what changes something needs the digest of `_api/contextinfo`. */
async function sharePoint(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '', headers } = request;
  const body = await text(request);
  if (url.endsWith('/_api/contextinfo') && method === 'POST') return json(response, { FormDigestValue: DIGEST, FormDigestTimeoutSeconds: 1800 });
  if (method !== 'GET' && headers['x-requestdigest'] !== DIGEST) return json(response, { 'odata.error': { code: '-2130575252, Microsoft.SharePoint.SPException' } }, 403);
  if (method === 'GET') return json(response, { value: [{ Id: 1, Title: 'Barley' }] });
  json(response, { Id: 2, Title: (JSON.parse(body) as { Title: string }).Title }, 201);
}

async function exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = await text(request);
  if (request.url !== '/EWS/Exchange.asmx' || !asked.includes('<m:GetFolder>')) return void response.writeHead(500).end();
  xml(response, envelope('<m:GetFolderResponse xmlns:m="m" xmlns:t="t"><t:Folder><t:DisplayName>Inbox</t:DisplayName><t:TotalCount>12</t:TotalCount></t:Folder></m:GetFolderResponse>'));
}

function reports({ url = '' }: IncomingMessage, response: ServerResponse): void {
  if (!url.startsWith('/ReportServer?%2FStores%2FHarvest&') || !url.includes('rs:Format=PDF')) return void response.writeHead(500).end();
  response.writeHead(200, { 'content-type': 'application/pdf' }).end('%PDF-1.7\n');
}

function team({ url = '' }: IncomingMessage, response: ServerResponse): void {
  if (!/^\/tfs\/DefaultCollection\/_apis\/projects\?api-version=/.test(url)) return void response.writeHead(404).end();
  json(response, { count: 2, value: [{ name: 'Bridge' }, { name: 'Moat' }] });
}

function dynamics({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, 'https://nav');
  if (decodeURIComponent(pathname) !== "/BC220/ODataV4/Company('CRONUS')/Customers") return void response.writeHead(404).end();
  json(response, { value: [{ No: '10000', Name: 'Miller' }, { No: '20000', Name: 'Baker' }].slice(0, Number(searchParams.get('$top'))) });
}

const WSDL = `<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:stock" targetNamespace="urn:stock">
  <types><x:schema targetNamespace="urn:stock" elementFormDefault="qualified">
    <x:element name="Count"><x:complexType><x:sequence><x:element name="grain" type="x:string"/></x:sequence></x:complexType></x:element>
    <x:element name="CountResponse"><x:complexType><x:sequence><x:element name="sacks" type="x:int"/></x:sequence></x:complexType></x:element>
  </x:schema></types>
  <message name="CountIn"><part name="parameters" element="t:Count"/></message>
  <message name="CountOut"><part name="parameters" element="t:CountResponse"/></message>
  <portType name="StockPort"><operation name="Count"><input message="t:CountIn"/><output message="t:CountOut"/></operation></portType>
  <binding name="StockBinding" type="t:StockPort"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="Count"><soap:operation soapAction="urn:stock/Count"/><input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation>
  </binding>
  <service name="Stock"><port name="StockPort" binding="t:StockBinding"><soap:address location="https://granary.castle.example/Stock.asmx"/></port></service>
</definitions>`;

async function stock(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = await text(request);
  if (request.method === 'GET') return xml(response, WSDL);
  xml(response, envelope(`<CountResponse xmlns="urn:stock"><sacks>${asked.includes('barley') ? 41 : 0}</sacks></CountResponse>`));
}

/** Takes Kerberos alone: the reject of MS-SPNG to whatever speaks NTLM. */
function kerberosAlone({ headers }: IncomingMessage, response: ServerResponse): void {
  const reject = Buffer.from(encodeNegTokenResp({ negState: 'reject' })).toString('base64');
  response.writeHead(401, { 'www-authenticate': headers.authorization === undefined ? 'Negotiate' : `Negotiate ${reject}` }).end();
}

/** Each request goes to the next server, whatever connection it came over. */
function balanced(): RequestListener {
  const behind = ['north', 'south'].map((name) => requireNtlm(windows(name), greet));
  let turn = 0;
  return (request, response) => void behind[turn++ % behind.length]!(request, response);
}

const greet: NtlmRequestListener = ({ ntlm, headers }, response) => {
  const greeting = `Hello ${ntlm.domain}\\${ntlm.username}`;
  response.end(headers.accept === 'application/json' ? JSON.stringify(greeting) : greeting);
};

/** Tells what it was asked for; a tunnel leads to the house it names. */
function proxy(portOf: (host: string) => number | undefined): Server {
  const server = createNtlmServer(windows('proxy', { side: 'proxy', trustedProxy: true }), ({ ntlm, url }, response) => void response.end(`${url} for ${ntlm.domain}\\${ntlm.username}`));
  return server.on('connect', ({ url = '' }: IncomingMessage, client: Duplex) => {
    const port = portOf(url);
    if (port === undefined) return void client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const target = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      pipeline(client, target, client, () => {});
    });
  });
}

const asks = (name: string, listener: NtlmRequestListener, options: Partial<NtlmServerOptions> = {}): RequestListener => requireNtlm(windows(name, options), listener);

export const houses: Houses = {
  tls: {
    keep: asks('keep', greet),
    stores: asks('stores', (request, response) => void sharePoint(request, response), { schemes: ['NTLM'] }),
    mail: asks('mail', (request, response) => void exchange(request, response)),
    reports: asks('reports', reports),
    'tfs:8080': asks('tfs', team),
    'nav:7048': asks('nav', dynamics),
    granary: asks('granary', (request, response) => void stock(request, response)),
    vault: asks('vault', greet, { channelBindings: 'required' }),
    /** Its clock is ahead by more than a domain forgives; so it knows nobody. */
    sundial: asks('sundial', greet, { now: () => (BigInt(Date.now()) + EPOCH) * 10_000n + 3n * DAY, credentials: () => undefined }),
    gate: balanced(),
    chapel: kerberosAlone,
    'example.com': (_, response) => void response.end('Example Domain'),
    'registry.npmjs.org': (_, response) => void response.end('{}'),
  },
  plain: { 'proxy:3128': proxy },
};
