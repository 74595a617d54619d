/** Files that hold no conversation, and what a person gives in their place; logs of servers, as far as they say why. */
import { toLatin1 } from '../bytes.ts';

const RECORD = 'record with `ntlmachine request --trace FILE`, with `curl -v --ntlm` (where `curl -V` names NTLM: from 8.20 on it is built in on demand), with chrome://net-export, or a HAR with all legs (Firefox, Fiddler, mitmproxy)';

/** First bytes, as text. */
const MAGIC: readonly (readonly [RegExp, string])[] = [
  [/^PK\x03\x04/, 'this is a zip archive (a Fiddler .saz is one): take the raw texts out of it'],
  [/^\x1f\x8b/, 'this is compressed by gzip: decompress it first'],
  [/^(?:7z\xbc\xaf|Rar!|BZh|\x28\xb5\x2f\xfd|\xfd7zXZ)/, 'this is an archive: decompress it first'],
  [/^(?:\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP)/s, `this is a picture: give the text that it shows, or ${RECORD}`],
  [/^%PDF/, `this is a PDF: give the text that it shows, or ${RECORD}`],
  [/^ElfFile\0/, 'this is an event log of Windows: open it there, and give the text of event 4625'],
  [/^(?:# SSL|CLIENT_RANDOM |CLIENT_HANDSHAKE_TRAFFIC_SECRET |SERVER_HANDSHAKE)/, 'this holds the keys of TLS, and no conversation: open the capture with them in Wireshark, and give what "Follow, HTTP Stream" shows'],
  [/^SQLite format 3\0/, `this is a database: ${RECORD}`],
  [/^\d{1,9}:\d{1,3}:[a-z_]+;/, 'this is a flow file of mitmproxy: `mitmdump -nr FILE --set hardump=FILE.har` makes a HAR of it'],
];

/** What a file is that nothing here reads, and what to give instead. */
export function archive(input: string | Uint8Array): string | undefined {
  const start = typeof input === 'string' ? input.slice(0, 32) : toLatin1(input.subarray(0, 32));
  return MAGIC.find(([first]) => first.test(start))?.[1];
}

/** A log that holds heads and not what belongs to which. */
export function notRead(text: string): string | undefined {
  return /^.{0,160}\b[EWIDV]\/nsHttp /m.test(text.slice(0, LOOKED_AT)) ? 'this is what Firefox logs of its network, which does not tell which answer belongs to what: export a HAR from its network tools, which has all legs' : undefined;
}

/** Windows' words on a logon, by status of NT and of Win32, of which HRESULTs and the logs of IIS are made. */
const STATUS: readonly (readonly [nt: number | undefined, win32: number | undefined, means: string])[] = [
  [0xc000006a, undefined, 'the password is wrong'],
  [0xc0000064, 1317, 'there is no such user in that domain'],
  [0xc000006d, 1326, 'the user name or the password is wrong'],
  [0xc0000234, 1909, 'the account is locked'],
  [0xc0000072, 1331, 'the account is disabled'],
  [0xc0000193, 1793, 'the account has expired'],
  [0xc0000071, 1330, 'the password has expired'],
  [0xc0000224, 1907, 'the password must be changed before the first logon'],
  [0xc000006e, 1327, 'a restriction of the account forbids it, such as an empty password'],
  [0xc000006f, 1328, 'the account may not log on at this hour'],
  [0xc0000070, 1329, 'the account may not log on from this workstation'],
  [0xc000015b, 1385, 'the account may not log on over the network there'],
  [0xc0000133, 1398, 'the clocks are too far apart'],
  [0xc000005e, 1311, 'the server reaches no domain controller'],
  [0xc000018d, 1789, 'the trust between the server and its domain is broken'],
  [0xc0000413, 1935, 'the account is stopped by the authentication firewall of its domain'],
  [0xc0000418, 1937, 'NTLM is blocked there'],
  [undefined, 0x80090308, 'the token was not understood: another server or connection got it, or Extended Protection refused it'],
  [undefined, 0x8009030c, 'the logon was denied: password, account or Extended Protection'],
  [undefined, 0x8009030e, 'the first leg of a handshake, which every one has'],
  [undefined, 0x80090346, 'the channel bindings do not match (Extended Protection)'],
  [undefined, 0x80090311, 'the server reaches no domain controller'],
];

/** Substatus of IIS for 401, where its Win32 status says nothing. */
const SUBSTATUS: Readonly<Record<string, string>> = {
  '1': 'the logon failed',
  '2': 'nobody had authenticated yet, which is the first answer to everybody',
  '3': 'the account is logged on and may not read the page (access control list)',
  '4': 'a filter refused it',
  '5': 'an ISAPI or CGI application refused it',
};

const IIS = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d .* 401 (\d{1,2}) (\d{1,10})(?: \d+)*\s*$/gm;
const EVENT = /(?:Sub ?Status|Status)\W{1,20}(0xc0[0-9a-f]{6})/gi;
const ACCESS = /^\S+ \S+ .{1,256} \[[^\]]{10,40}\] "[A-Z]+ \S+ HTTP\/[\d.]+" \d{3} |^\d{9,10}\.\d{3} +\d+ \S+ TCP_|^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#|^\[[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d[.\d]* \d{4}\] \[/m;
/** Logs of clients that tell no fields, and what makes them tell more. */
const CLIENTS: readonly (readonly [RegExp, string])[] = [
  [/\burllib3\.connectionpool\b|Traceback \(most recent call last\)/, 'this is a log of Python without fields: set `http.client.HTTPConnection.debuglevel = 1` before the request, and give all that is printed'],
  [/^\s*at [\w.$/@]+\([\w]+\.java:\d+\)|\bjdk\.internal\.net\.http\b|\bsun\.net\.www\.protocol\.http\b/m, 'this is a log of Java without fields: start it with `-Djdk.httpclient.HttpClient.log=headers,requests,errors`, or with java.util.logging at FINE for `sun.net.www.protocol.http.HttpURLConnection`'],
  [/installed libcurl version (?:doesn't|does not) support this/, 'this curl has no NTLM, which is built in on demand from 8.20 on: record with `ntlmachine request --trace FILE`, or with another curl'],
  [/\bInvoke-(?:WebRequest|RestMethod)\b/, `this is an error of PowerShell, without fields: ${RECORD}`],
  [/\b(?:RequestStart|ResponseHeadersStop|RequestLeftQueue)\b|\bSystem\.Net\.(?:Http|WebException)\b/, `this is a log of .NET, whose events hold no fields: ${RECORD}; HttpClient goes through Fiddler or mitmproxy`],
  [/^(?:HTTP|FETCH|UNDICI|NET|TLS) \d+: /m, `this is what NODE_DEBUG prints, without the fields of answers: \`node --import ntlmachine/watch app.js\` shows more, or ${RECORD}`],
];
const LOOKED_AT = 1024 * 1024;

/** What a text is that holds neither heads nor tokens, and what it says all the same. */
export function elsewhere(text: string): string {
  const end = text.slice(-LOOKED_AT);
  const iis = [...end.matchAll(IIS)].map(([, substatus = '', win32 = '']) => ({ substatus, win32 }));
  if (iis.length > 0) {
    const telling = iis.findLast(({ win32, substatus }) => substatus !== '2' && Number(win32) !== 0x8009030e) ?? iis.at(-1)!;
    const { substatus, win32 } = telling;
    return `this is a log of IIS, without heads and tokens; its 401 ${substatus} ${win32} means: ${(substatus === '2' ? undefined : meaning(1, Number(win32))) ?? SUBSTATUS[substatus] ?? 'nothing known here'}; for more, ${RECORD}`;
  }
  const codes = [...end.matchAll(EVENT)].map(([, code = '']) => code);
  const told = codes.map((code) => ({ code, means: meaning(0, Number(code)) })).findLast(({ means }) => means !== undefined);
  if (told !== undefined) return `this is an event of Windows, without heads and tokens; ${told.code} means: ${told.means}`;
  if (/\b(?:AxiosError|HTTPError)\b|status code 40[17]\b/.test(end)) return `this is a client's error without the headers of its answer: print \`explainRefusal(error.response)\` (ntlmachine/http) or \`error.response.headers\`, or ${RECORD}`;
  const client = CLIENTS.find(([pattern]) => pattern.test(end));
  if (client !== undefined) return client[1];
  if (/^\s*<(?:!doctype|html)/i.test(text)) return `this is a page, without the head that came with it: ${RECORD}`;
  if (ACCESS.test(end)) return `this is the log of a server, without heads and tokens: ${RECORD}`;
  return `no token of NTLMSSP, SPNEGO or Kerberos is in the input: ${RECORD}`;
}

function meaning(kind: 0 | 1, code: number): string | undefined {
  return STATUS.find((row) => row[kind] === code)?.[2];
}
