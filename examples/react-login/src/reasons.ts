import type { NtlmError } from 'ntlmachine';

/** Why it failed, and what to do about it, in words for whoever signs in. Branch on `code`: messages may change. */
export function reasonOf({ code, message }: NtlmError): { readonly title: string; readonly advice: string } {
  switch (code) {
    case 'credentials-refused':
      return { title: 'The server refused this user name or password.', advice: 'Check both and try again.' };
    case 'downgrade-refused':
    case 'charset-refused':
    case 'target-refused':
      return {
        title: 'The server offers less protection than this app demands.',
        advice: `Nothing was sent to it, and another password will not help: ${message}.`,
      };
    case 'invalid-argument':
    case 'too-long':
      return { title: 'This cannot be used to sign in.', advice: `Check what you typed: ${message}.` };
    default:
      return { title: 'The server’s answer makes no sense.', advice: `It may not speak NTLM: ${message}.` };
  }
}
