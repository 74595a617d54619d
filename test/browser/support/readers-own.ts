/** What samples for browsers leave to their reader. */
import { Credentials, type NtlmOptions } from 'ntlmachine';

export const options: NtlmOptions = { credentials: Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge-41' }) };
