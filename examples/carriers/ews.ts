/**
 * SOAP over HTTP as Exchange Web Services speaks it: NTLM belongs to the connection, so `createNtlmFetch` is all there is
 * to it. The certificate of a TLS server is bound to the handshake by default (Extended Protection).
 */
import type { Credentials } from 'ntlmachine';
import { createNtlmFetch } from 'ntlmachine/fetch';

export interface EwsOptions {
  /** `https://mail.castle.example/EWS/Exchange.asmx`. */
  readonly url: string;
  readonly credentials: Credentials;
  /** PEM, for a certificate of an authority of one's own. */
  readonly ca?: string;
}

const GET_INBOX = `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
    xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
  <soap:Header><t:RequestServerVersion Version="Exchange2013"/></soap:Header>
  <soap:Body>
    <m:GetFolder>
      <m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>
      <m:FolderIds><t:DistinguishedFolderId Id="inbox"/></m:FolderIds>
    </m:GetFolder>
  </soap:Body>
</soap:Envelope>`;

export interface Inbox {
  readonly name: string;
  readonly total: number;
}

export async function getInbox({ url, credentials, ca }: EwsOptions): Promise<Inbox> {
  const ntlmFetch = createNtlmFetch({ credentials, ...(ca === undefined ? {} : { connect: { ca } }) });
  const response = await ntlmFetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'text/xml; charset=utf-8' },
    body: GET_INBOX,
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  const valueOf = (element: string): string => new RegExp(`<t:${element}>([^<]*)</t:${element}>`).exec(answer)?.[1] ?? '';
  return { name: valueOf('DisplayName'), total: Number(valueOf('TotalCount')) };
}
