import { describe, expect, test } from 'vitest';
import { explain, readConversation } from '../../src/visualize/index.ts';
import { asHar, recordingsOf } from '../support/recordings.ts';
import { SITUATIONS } from './situations.ts';

describe.each(SITUATIONS)('$name', ({ legs, tls = false, sentence, outcome, except = {}, never = [] }) => {
  test.each(Object.entries(recordingsOf(legs, { tls })))('%s', (recorder, recording) => {
    const explanation = explain(readConversation(recording));
    expect(explanation.sentence).toMatch(except[recorder] ?? sentence);
    if (except[recorder] === undefined) expect(explanation.outcome).toBe(outcome);
    expect(explanation.causes.map(({ id }) => id).filter((id) => never.includes(id))).toEqual([]);
    expect(explanation.sentence.match(/\.(?:\s|$)/g)).toHaveLength(1);
    if (outcome === 'accepted') expect(explanation.causes).toEqual([]);
  });
});

/** What the situations above are explained as, and which recordings cannot show them: written by the run itself. */
test('the table of the docs', async () => {
  const rows = SITUATIONS.map(({ name, legs, tls = false, except = {} }) => {
    const { sentence } = explain(readConversation(asHar(legs, { scheme: tls ? 'https' : 'http' })));
    const misses = Object.keys(except).filter((recorder) => recorder !== 'har' && !/CRLF|big-endian|times and ids/.test(recorder));
    return `| ${name} | ${sentence.replaceAll('|', '\\|')} | ${misses.length === 0 ? 'all' : `all but ${misses.join(', ')}`} |`;
  });
  const page = `# Explained

\`ntlmachine explain FILE\` reads what any tool recorded, and opens with one sentence: what happened and the likeliest
cause. A cause is named only with evidence of that conversation; what an input cannot show is called \`unseen\`.

| recorded by | what it tells, and what it does not |
|---|---|
| \`ntlmachine request --trace FILE\`, \`record(agent)\` | everything: legs, states, recorded reasons, times, TLS |
| a trace of \`trace(actor)\` | states and tokens; no status line, no URL, whether TLS lay below |
| HAR with all legs (Firefox, Fiddler, Charles, mitmproxy) | legs, times, TLS |
| net-export of Chrome, Edge, Chromium (chrome://net-export) | legs, connections, resets, times, TLS; tokens where it is recorded with "Include cookies and credentials" |
| HAR of Chromium | one entry for each request: neither legs nor tokens |
| \`curl -v\`, \`curl --trace\`, \`curl --trace-ascii\`, \`GIT_TRACE_CURL=1\` (with \`GIT_TRACE_REDACT=0\` for tokens) | legs, TLS, how a connection ended; times of this end only in a response of NTLMv2 |
| raw heads (Fiddler, mitmproxy, "follow stream") | legs; neither times, nor TLS, nor which connection |
| pcap, pcapng, \`tshark -x\` | legs, connections, resets, times; of TLS nothing unless it is decrypted |
| \`java -Djdk.httpclient.HttpClient.log=headers,requests,errors\` | legs, connections, TLS |
| Apache's HttpClient, its logger \`headers\` or \`wire\` at DEBUG | legs, connections, TLS |
| Java's HttpURLConnection, its logger at FINE; Python, \`http.client.HTTPConnection.debuglevel = 1\`; Ruby's Net::HTTP, \`set_debug_output\`; \`wget -d\` | legs; neither times, nor which connection |
| a printed answer of axios, got or node:http | the last answer of a request, and what this library wrote into it |
| tokens alone | what they say |

A recording may have gone through a shell (PowerShell's \`>\` writes UTF-16), a terminal, a mail or a log: colours, quotes, line numbers,
prefixes, the JSON of loggers and broken lines are taken off; gzip as well, by the command, the page and the playground. Of what holds no conversation it is said what to give instead; of a log of IIS and of event 4625,
what its code means; of a client's log without fields (urllib3, .NET, NODE_DEBUG, an exception of Java), what makes it tell more.

Each situation below is recorded in thirteen ways by \`test/visualize/situations.test.ts\`, and the sentence must be the truth
in each; where a recording cannot show it, what is named instead is the most frequent cause, and the truth is among the others or
said to be unseen. The sentences are those of the run.

| situation | the first sentence | shown by |
|---|---|---|
${rows.join('\n')}
`;
  await expect(page).toMatchFileSnapshot('../../docs/explain.md');
});
