import { lm } from '../legacy/policies.ts';
import { readConversation } from '../visualize/conversation/read.ts';
import { mergeConversations } from '../visualize/conversation/merge.ts';
import { explain as explainConversation } from '../visualize/explain/explain.ts';
import { renderExplanation } from '../visualize/explain/render.ts';
import { PASSWORD_HELP, readCredentials, userOptions } from './credentials.ts';
import { BAD_INPUT, paletteOf, readInputs, reportingBadInput } from './tokens.ts';
import { defineVerb } from './verb.ts';

export const explain = defineVerb({
  name: 'explain',
  description:
    'Reads what was recorded of a conversation, from FILE or standard input: what `ntlmachine request --trace` or a tracer ' +
    'saved, a HAR, a net-export of Chrome or Edge, the output of curl -v, --trace or --trace-ascii, logs of git and of Java\'s, ' +
    'Python\'s and Ruby\'s clients, raw heads (Fiddler, mitmproxy, "follow stream"), a capture (pcap, pcapng, tshark -x), or tokens alone. Says in one sentence what happened and the likeliest cause, then ' +
    'what else it may be, each with its evidence. Several FILEs are the connections of one conversation.\n\n' +
    'The exit code is 2 where nothing in the input is about authentication.\n\n' +
    `With --user, and where the tokens are whole, the response is verified. ${PASSWORD_HELP}`,
  operands: '[FILE...]',
  operandCount: [0, 1000],
  options: {
    ...userOptions,
    all: { type: 'boolean', short: 'a', help: 'Every cause, and what was agreed.' },
    tls: { type: 'boolean', negatable: true, help: 'Whether it went over TLS, where the input does not say.' },
    json: { type: 'boolean', help: 'Plain data instead of text.' },
  },
  run: async (values, terminal, operands) =>
    reportingBadInput('explain', terminal, async () => {
      const inputs = await readInputs(operands, terminal);
      const tokens = values.user === undefined ? 'masked' : 'whole';
      const [first, ...others] = inputs.map((input) => readConversation(input, { tokens }));
      const credentials = values.user === undefined ? undefined : await readCredentials(values, terminal);
      const explanation = explainConversation(mergeConversations([first!, ...others]), { tls: values.tls, credentials, policy: lm });
      credentials?.wipe();
      const rendered = renderExplanation(explanation, { palette: paletteOf(terminal), all: values.all === true, width: terminal.width });
      terminal.out(values.json === true ? `${JSON.stringify(explanation, null, 2)}\n` : rendered);
      return explanation.outcome === 'not-asked' ? BAD_INPUT : 0;
    }),
});
