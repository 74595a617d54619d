import { visualize as serve } from '../visualize/page/server.ts';
import { UsageError, defineVerb } from './verb.ts';

export const visualize = defineVerb({
  name: 'visualize',
  description:
    'Serves a page on 127.0.0.1 and prints its address, which holds a random token: what was asked and answered, the state ' +
    'machine, the messages and their fields, with demonstrations against the embedded server. Whatever `explain` reads can be ' +
    'dropped on it.',
  options: {
    port: { type: 'string', short: 'p', value: 'NUMBER', help: 'TCP port; default a free one.' },
  },
  run: async ({ port = '0' }, terminal) => {
    if (!/^\d{1,5}$/.test(port) || Number(port) > 0xffff) throw new UsageError('--port must be a number from 0 to 65535');
    const { url, close } = await serve(undefined, { port: Number(port) });
    terminal.out(`${url}\n`);
    terminal.say('Open it in a browser; press Ctrl-C to stop.');
    await new Promise((resolve) => {
      process.once('SIGINT', resolve);
      process.once('SIGTERM', resolve);
    });
    await close();
  },
});
