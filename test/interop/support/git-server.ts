/** git's own server behind a listener: `git http-backend` (CGI), over bare repositories in a folder. */
import { spawn } from 'node:child_process';
import type { NtlmRequest, NtlmRequestListener } from '../../../src/http/index.ts';
import { findProgram } from './processes.ts';

export function gitBackend(root: string): NtlmRequestListener {
  const git = findProgram('git');
  return (request: NtlmRequest, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://x');
    const { 'content-type': type = '', 'content-encoding': encoding = '', 'git-protocol': protocol = '' } = request.headers;
    const child = spawn(git, ['http-backend'], {
      env: {
        ...process.env,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method,
        REMOTE_USER: request.ntlm.username,
        CONTENT_TYPE: type,
        HTTP_CONTENT_ENCODING: encoding,
        GIT_PROTOCOL: String(protocol),
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    request.pipe(child.stdin);
    child.stdin.on('error', () => {}); // it has read enough
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => {
      const output = Buffer.concat(chunks);
      const end = output.indexOf('\r\n\r\n');
      const fields = output.subarray(0, end).toString('latin1').split('\r\n').map((line) => line.split(/: ?(.*)/s));
      const status = Number(fields.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200);
      for (const [name = '', value = ''] of fields) if (name !== 'Status') response.setHeader(name, value);
      response.writeHead(status).end(output.subarray(end + 4));
    });
  };
}
