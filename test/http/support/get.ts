import { once } from 'node:events';
import http, { type Agent, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';

/** What a GET of node's own client over `agent` is answered, read to its end. */
export async function get(url: string, agent: Agent, headers: OutgoingHttpHeaders = {}): Promise<{ readonly status: number; readonly text: string }> {
  const { get } = url.startsWith('https:') ? https : http;
  const [response] = (await once(get(url, { agent, headers }), 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return { status: response.statusCode!, text };
}
