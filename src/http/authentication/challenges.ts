/** One challenge of a WWW-Authenticate or Proxy-Authenticate field (RFC 9110 11.3). */
export interface Challenge {
  /** As written; compare without regard to case. */
  readonly scheme: string;
  /** The single token of schemes that carry one: base64 for NTLM and Negotiate. */
  readonly token68: string | undefined;
  /** Names in lower case, values unquoted; a name given twice keeps its first value. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const PARAMETER =
  /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+\-.^_`|~0-9A-Za-z]+))(?=[ \t]*(?:,|$))/y;
const BLANKS_AND_COMMAS = /[ \t,]+/y;
const BLANKS = /[ \t]+/y;
const TO_NEXT_COMMA = /(?:"(?:[^"\\]|\\.)*"?|[^,"])+/y; // or to the end of a quote that is never closed

/**
 * Every challenge of every field line, in order. One line may list several, and the comma that separates
 * them also separates the parameters of one (RFC 9110 11.6.1). What fits no grammar is skipped.
 */
export function parseChallenges(fieldValues: readonly string[]): Challenge[] {
  return fieldValues.flatMap(parseLine);
}

function parseLine(text: string): Challenge[] {
  const challenges: Challenge[] = [];
  let position = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position;
    const found = pattern.exec(text);
    if (found === null) return undefined;
    position = pattern.lastIndex;
    return found;
  };

  let parameters: Map<string, string> | undefined; // of the challenge that is open
  while (position < text.length) {
    if (match(BLANKS_AND_COMMAS)) continue;
    const parameter = parameters && match(PARAMETER);
    if (parameter) {
      const [, name = '', quoted, plain = ''] = parameter;
      const key = name.toLowerCase();
      if (!parameters!.has(key)) parameters!.set(key, quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1'));
      continue;
    }
    const scheme = match(TOKEN)?.[0];
    if (scheme === undefined || !/[ \t,]/.test(text[position] ?? ',')) {
      if (!match(TO_NEXT_COMMA)) position += 1;
      continue;
    }
    parameters = new Map();
    const token68 = match(BLANKS) && match(TOKEN68)?.[0];
    challenges.push({ scheme, token68, parameters });
  }
  return challenges;
}
