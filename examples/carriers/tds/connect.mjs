/**
 * SQL Server for tedious, whose own NTLM is replaced: it sends no MIC and no service name, and wants the password in
 * clear. Two functions of it make its messages; a login of ours is known to them by a name that stands where the domain
 * would. The credentials stay behind their handle.
 */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { NtlmClient } from 'ntlmachine';
import { Connection } from 'tedious';

const require = createRequire(import.meta.url);
const ntlm = require('tedious/lib/ntlm');
const ResponsePayload = require('tedious/lib/ntlm-payload');

/** @type {Map<string, { client: NtlmClient, connection?: Connection }>} */
const logins = new Map();

const { createNTLMRequest } = ntlm;
ntlm.createNTLMRequest = (options) => {
  const login = logins.get(options.domain);
  return login === undefined ? createNTLMRequest(options) : Buffer.from(login.client.step().token);
};

const { createResponse } = ResponsePayload.prototype;
ResponsePayload.prototype.createResponse = function (loginData) {
  const login = logins.get(loginData.domain);
  if (login === undefined) return createResponse.call(this, loginData);
  return Buffer.from(login.client.step(login.connection.ntlmpacketBuffer).token);
};

/**
 * A connection of tedious that is logged in.
 *
 * @param {{ server: string, port?: number, credentials: import('ntlmachine').Credentials, options?: object }} settings
 * @returns {Promise<Connection>}
 */
export function connectSql({ server, port = 1433, credentials, options = {} }) {
  const name = randomUUID().toUpperCase();
  const client = new NtlmClient({ credentials, spn: `MSSQLSvc/${server}:${port}` });
  const connection = new Connection({
    server,
    authentication: { type: 'ntlm', options: { domain: name, userName: credentials.username, password: '' } },
    options: { port, ...options },
  });
  logins.set(name, { client, connection });
  return new Promise((resolve, reject) => {
    connection.connect((error) => {
      logins.delete(name);
      if (error) {
        if (client.state === 'responded') client.rejected();
        reject(client.error ?? error);
      } else {
        client.accepted();
        resolve(connection);
      }
    });
  });
}
